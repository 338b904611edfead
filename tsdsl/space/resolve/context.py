"""What resolving one space carries along: diagnostics, declared names, where things came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from tsdsl.diagnostics import Diagnostic, Label
from tsdsl.source import SourceFile, Span
from tsdsl.space.model import Decision, Parent, Value
from tsdsl.syntax import ast


@dataclass
class Context:
    """The state of resolving one space; `origins` maps paths of the space to where they are written.

    `incomplete` are first words of selectors that may match nothing because something else is wrong.
    """

    source: SourceFile
    diagnostics: list[Diagnostic] = field(default_factory=list)
    domains: dict[str, ast.Domain] = field(default_factory=dict)
    blocks: dict[str, ast.BlockAlias] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    incomplete: set[str] = field(default_factory=set)
    open_domains: list[str] = field(default_factory=list)
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
    ) -> None:
        """Add a diagnostic."""
        self.diagnostics.append(Diagnostic(code, message, self.source, span, label, tuple(labels), tuple(notes), help))

    @property
    def has_errors(self) -> bool:
        """Whether anything so far is an error."""
        return any(d.severity == "error" for d in self.diagnostics)

    def decide(self, path: str, values: tuple[Value, ...], span: Span, parent: Parent | None = None) -> None:
        """Record a decision and where it is written."""
        self.decisions.append(Decision(path=path, values=values, parent=parent))
        self.origins[path] = span

    def unknown_name(self, name: ast.Name, what: str, known: Iterable[str]) -> None:
        """Report an unknown name, with the most similar known one."""
        known = sorted(known)
        self.report(
            "TS101",
            name.span,
            f"there is no {what} `{name.text}`",
            label="unknown name",
            help=did_you_mean(name.text, known),
        )

    def duplicate(self, what: str, again: Span, first: Span) -> None:
        """Report something given twice."""
        self.report(
            "TS102",
            again,
            f"{what} is given twice",
            label="again here",
            labels=[Label(first, "first given here")],
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
                    help=did_you_mean(name, known) or _lists(where, known),
                )
                if meant(name, known) != name:
                    found.setdefault(meant(name, known), attribute)
            elif name in found and found[name].name.text == name:
                self.duplicate(f"`{name}`", attribute.name.span, found[name].name.span)
            else:
                found[name] = attribute
        return found

    def missing(self, names: Iterable[str], given: Mapping[str, object], span: Span, where: str) -> bool:
        """Report required attributes that are not given; whether there are any."""
        absent = [name for name in names if name not in given]
        for name in absent:
            self.report(
                "TS106",
                span,
                f"{where} needs `{name}`",
                label=f"`{name}` is missing",
                help=f"add `{name} = ...`",
            )
        return bool(absent)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A help line with the most similar names, if any is similar."""
    close = get_close_matches(name, list(known), n=2, cutoff=0.6)
    return "did you mean " + " or ".join(f"`{c}`" for c in close) + "?" if close else None


def meant(name: str, known: Iterable[str]) -> str:
    """The known name that a misspelt one most likely means; the name itself where none is similar."""
    return next(iter(get_close_matches(name, list(known), n=1)), name)


def _lists(where: str, known: list[str]) -> str:
    return f"{where} has " + ", ".join(f"`{name}`" for name in known) if known else f"{where} has no attributes"
