"""What resolving one space carries along: diagnostics, declared names, where things came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tsdsl.diagnostics import Diagnostic, Fix, Label, replacement
from tsdsl.diagnostics.suggest import did_you_mean, meant, renames
from tsdsl.source import SourceFile, Span
from tsdsl.space.parts import Decision, Parent, Value
from tsdsl.space.resolve.literal_types import Placed
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import brief, either

_NUMBERS_OF_BLOCKS = dict.fromkeys(
    ("depth", "repeat", "repeats", "num_blocks", "num_layers", "layers"),
    "the number of blocks follows the operator: `group mb(...) * 2` or `* 1 .. 3`",
)


@dataclass
class Context:
    """The state of resolving one space; `origins` maps paths of the space to where they are written.

    `incomplete` are first words of selectors that may match nothing because something else is wrong: streams and
    kinds of slots of which parts are missing. `uncertain` are paths of groups, and of frames, whose values are not
    known. `is_lossy`: a whole item could not be read, so any name may have been declared in it.
    `overrides` are `fix` and `free` with the level of derivation they are written at, `applied` the numbers of
    those that selected something; `level` is that of the item being resolved, `own_level` that of the space.
    `shared_uses` are the paths that use each shared decision, `shared_values` what it decides between, or its only
    value.
    `has_wrong_base`: what it derives from has errors, which are reported there.
    `lacks_declarations`: a domain, shared decision or block could not be read. `strange` are the parts that were given
    an attribute which may be meant for a missing one.
    `left_out` are the first words of what `without` leaves out, and where.
    `nested` says where constants exist that stand where a nested decision may.
    `block_uses` counts the groups of each block by name, `lacking` are those that lack a required attribute, and of
    which operator it is.
    """

    source: SourceFile
    diagnostics: list[Diagnostic] = field(default_factory=list)
    domains: dict[str, ast.Domain] = field(default_factory=dict)
    blocks: dict[str, ast.BlockAlias] = field(default_factory=dict)
    shared: dict[str, ast.Shared] = field(default_factory=dict)
    shared_uses: dict[str, list[str]] = field(default_factory=dict)
    shared_values: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    overrides: list[tuple[ast.Override, int]] = field(default_factory=list)
    applied: set[int] = field(default_factory=set)
    postponed: list[Diagnostic] = field(default_factory=list)
    level: int = 0
    own_level: int = 0
    incomplete: set[str] = field(default_factory=set)
    uncertain: set[str] = field(default_factory=set)
    is_lossy: bool = False
    lacks_declarations: bool = False
    strange: set[str] = field(default_factory=set)
    left_out: dict[str, Span] = field(default_factory=dict)
    has_wrong_base: bool = False
    block_uses: Counter[str] = field(default_factory=Counter)
    lacking: dict[tuple[str, str], list[tuple[Span, str]]] = field(default_factory=dict)
    open_domains: list[str] = field(default_factory=list)
    domain_values: dict[str, list[Placed] | None] = field(default_factory=dict)
    nested: dict[str, Parent] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    origins: dict[str, Span] = field(default_factory=dict)

    def report(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        labels: Iterable[Label] = (),
        notes: Iterable[str] = (),
        help: str | None = None,
        fixes: Iterable[Fix] = (),
    ) -> None:
        """Add a diagnostic."""
        self.diagnostics.append(
            Diagnostic(code, message, self.source, span, label, tuple(labels), tuple(notes), help, tuple(fixes))
        )

    def text(self, span: Span) -> str:
        """What is written there."""
        return (span.source or self.source).text[span.start : span.end]

    def quoted(self, span: Span) -> str:
        """What is written there, for a message: on one line, in backquotes, cut where it is far longer."""
        return f"`{brief(' '.join(self.text(span).split()))}`"

    def removal(self, title: str, span: Span, *, safe: bool = False) -> Fix:
        """A fix that removes what is written there, with one comma or the line it leaves empty."""
        return replacement(title, without_rest((span.source or self.source).text, span), "", safe=safe)

    @property
    def has_errors(self) -> bool:
        """Whether anything so far is an error."""
        return any(d.severity == "error" for d in self.diagnostics)

    def frames_known(self, *streams: str) -> bool:
        """Whether the frames of these streams are known at every place."""
        return not any(path.split(".", 1)[0] in streams for path in self.uncertain)

    @property
    def shared_paths(self) -> list[str]:
        """The paths of all shared decisions that are declared."""
        return [f"shared.{name}" for name in self.shared]

    def postpone(self, start: int) -> None:
        """Hold back the diagnostics from this number on: they do not spoil the part that is being resolved.

        Of several at one place, only the first is kept.
        """
        for diagnostic in self.diagnostics[start:]:
            if not any(d.code == diagnostic.code and d.span == diagnostic.span for d in self.postponed):
                self.postponed.append(diagnostic)
        del self.diagnostics[start:]

    def scratch(self) -> Context:
        """A context that knows the same names, for a trial that leaves no trace in this one."""
        return replace(
            self,
            diagnostics=[],
            overrides=[],
            applied=set(),
            shared_uses={},
            shared_values={},
            postponed=[],
            decisions=[],
            origins={},
        )

    def decide(self, path: str, values: tuple[Value, ...], span: Span, parent: Parent | None = None) -> None:
        """Record a decision and where it is written."""
        self.decisions.append(Decision(path=path, values=values, parent=parent))
        self.origins[path] = span

    def decision(self, path: str) -> Decision:
        """The decision at a path."""
        return next(decision for decision in reversed(self.decisions) if decision.path == path)

    def unknown_name(self, name: ast.Name, what: str, known: Iterable[str], *, help: str | None = None) -> None:
        """Report an unknown name, with the most similar known one; with `help` where none is similar."""
        known = sorted(known)
        self.report(
            "TS101",
            name.span,
            f"unknown {what} `{name.text}`",
            label="not defined",
            help=did_you_mean(name.text, known)
            or help
            or (f"expected {either(f'`{one}`' for one in known)}" if known else None),
            fixes=renames(name.text, name.span, known),
        )

    def empty_choice(self, span: Span) -> None:
        """Report a choice without values, once however often it is used."""
        if not any(d.code == "TS203" and d.span == span for d in self.diagnostics):
            self.report("TS203", span, "a choice needs at least one value", label="empty", help="for example `{8, 16}`")

    def duplicate(self, what: str, again: Span, first: Span, fixes: Iterable[Fix] = ()) -> None:
        """Report something given twice."""
        self.report(
            "TS102",
            again,
            f"{what} is given twice",
            label="second one",
            labels=[Label(first, "first one")],
            fixes=fixes,
        )

    def attributes(
        self, attributes: Iterable[ast.Attribute], known: Iterable[str], where: str
    ) -> dict[str, ast.Attribute]:
        """Attributes by name; reports those given twice and those that `where` does not have.

        A misspelt one is reported, and then taken for what it most likely means: one mistake, one report.
        """
        known = list(known)
        found: dict[str, ast.Attribute] = {}
        for attribute in attributes:
            name = attribute.name.text
            if name not in known:
                self.report(
                    "TS105",
                    attribute.name.span,
                    f"{where} has no attribute `{name}`",
                    label="unknown attribute",
                    help=did_you_mean(name, known) or _NUMBERS_OF_BLOCKS.get(name) or _lists(where, known),
                    fixes=renames(name, attribute.name.span, known)
                    or ([] if name in _NUMBERS_OF_BLOCKS else [self.removal(f"remove `{name}`", attribute.span)]),
                )
                if meant(name, known) != name:
                    found.setdefault(meant(name, known), attribute)
                elif not where.startswith("`"):
                    self.strange.add(where)
            elif name in found and found[name].name.text == name:
                first = found[name]
                same = self.text(first.value.span).split() == self.text(attribute.value.span).split()
                self.duplicate(
                    f"`{name}`",
                    attribute.name.span,
                    first.name.span,
                    [
                        self.removal(f"remove the second `{name}`", attribute.span, safe=same),
                        self.removal(f"remove the first `{name}`", first.span),
                    ],
                )
            else:
                found[name] = attribute
        return found

    def missing(self, names: Iterable[str], given: Mapping[str, object], span: Span, where: str) -> bool:
        """Report required attributes that are not given; whether there are any."""
        absent = [name for name in names if name not in given]
        for name in absent if where not in self.strange else ():
            self.report(
                "TS106",
                span,
                f"{where} needs `{name}`",
                label=f"`{name}` is missing",
                help=f"add `{name} = ...`",
            )
        return bool(absent)


def without_rest(text: str, span: Span) -> Span:
    """`span`, and with it the comma after or before it, or else the space or line that it would leave empty."""
    start, end = span.start, span.end
    after, before = end, start
    while after < len(text) and text[after] in " \t":
        after += 1
    while before > 0 and text[before - 1].isspace():
        before -= 1
    if after < len(text) and text[after] == ",":
        after += 1
        while after < len(text) and text[after] in " \t":
            after += 1
        return replace(span, end=after)
    if before > 0 and text[before - 1] == ",":
        return replace(span, start=before - 1)
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip() and text[after : after + 2].startswith(("\n", "\r\n")):
        return replace(span, start=line, end=text.index("\n", after) + 1)
    return replace(span, end=after if text[after : after + 1] not in ("", "\r", "\n", "}", ")") else end)


def _lists(where: str, known: list[str]) -> str:
    return f"expected {either(f'`{name}`' for name in known)}" if known else f"{where} has no attributes"
