"""Resolving a file: its version, what it imports, and each of its spaces, bases first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from tsdsl.diagnostics import Diagnostic, Label, replacement
from tsdsl.diagnostics.suggest import meant, similar
from tsdsl.records import dataclass
from tsdsl.source import SourceFile, Span
from tsdsl.source_files import read_source, shipped_with
from tsdsl.space.model import Space
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.derive import Declaration, Flat, derive, first, without_base
from tsdsl.space.resolve.importable import importable
from tsdsl.space.resolve.imports import ImportProblem, Library, Read, file_key, project_root
from tsdsl.space.resolve.mentions import has_gaps, mentions
from tsdsl.space.resolve.space import as_seen_from, check_declarations, is_taken_over, report_unused, resolve_space
from tsdsl.syntax import ast
from tsdsl.syntax.ast import in_source
from tsdsl.syntax.parser import parse

LANGUAGE_VERSION = 1
MAX_DERIVATIONS = 50
SUFFIX = ".tsspace"
_SURE_WITHOUT_BASE = ("TS102", "TS105", "TS201", "TS202", "TS203", "TS204", "TS205", "TS206")


@dataclass(frozen=True, slots=True)
class ResolvedSpace:
    """A space, its text with all it derives from, and where each of its parts is written, by path."""

    space: Space
    flat: Flat
    origins: Mapping[str, Span]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A file as it was read, its spaces that have no errors, and everything that is wrong with it."""

    source: SourceFile
    file: ast.File
    spaces: tuple[ResolvedSpace, ...]
    diagnostics: tuple[Diagnostic, ...]


def resolve(source: SourceFile, read: Read = read_source) -> Resolved:
    """Parse and resolve a text; `read` gives the texts of the files it imports. Never raises for any text."""
    library = Library(read, project_root(source))
    scope = _open(library, {}, source, file_key(source), ())
    results = [_resolution(scope, name, ()) for name in scope.spaces]
    diagnostics = [*scope.context.diagnostics, *(d for result in results for d in result.diagnostics)]
    diagnostics += _unused(scope)
    spaces = tuple(result.resolved for result in results if result.resolved is not None)
    return Resolved(source, scope.file, spaces, tuple(diagnostics))


@dataclass(frozen=True, slots=True)
class _Resolution:
    """What came of one space: its text with all it derives from if that is known, itself where it has no errors."""

    flat: Flat | None
    resolved: ResolvedSpace | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, eq=False)
class _Scope:
    """A file: its spaces, what it can name, and what has come of its spaces so far."""

    file: ast.File
    context: Context
    spaces: dict[str, ast.Space] = field(default_factory=dict)
    imported: dict[str, _Scope] = field(default_factory=dict)
    declarations: dict[str, Declaration] = field(default_factory=dict)
    import_of: dict[str, ast.Import] = field(default_factory=dict)
    results: dict[str, _Resolution] = field(default_factory=dict)


def _open(
    library: Library, scopes: dict[str, _Scope], source: SourceFile, key: str, open_keys: tuple[str, ...]
) -> _Scope:
    """The scope of a file, those of the files it imports first."""
    parsed = parse(source)
    file = in_source(parsed.file, source) if open_keys else parsed.file
    scope = _Scope(file, Context(source, list(parsed.diagnostics)))
    _check_version(scope.context, file)
    for statement in file.imports:
        try:
            imported_key, text = library.follow(statement.path, source, (*open_keys, key))
        except ImportProblem as problem:
            known = _similar_paths(statement.path.value, source) if problem.is_unreadable else []
            inner = Span(statement.path.span.start + 1, statement.path.span.end - 1, statement.path.span.source)
            scope.context.report(
                problem.code,
                statement.path.span,
                problem.message,
                help=f"did you mean {' or '.join(f'`{path}`' for path in known)}?" if known else problem.help,
                fixes=[replacement(f"change to `{path}`", inner, path, safe=len(known) == 1) for path in known],
            )
            continue
        if imported_key not in scopes:
            scopes[imported_key] = _open(library, scopes, text, imported_key, (*open_keys, key))
        _report_circle(scope.context, statement, scopes[imported_key].context)
        _take(scope, scopes[imported_key], statement)
    if not file.spaces and not file.declarations and not file.broken and not scope.context.has_errors:
        end = len(source.text.rstrip())
        scope.context.report(
            "TS005", Span(max(0, end - 1), end), "this file has no space", help="add `space NAME { ... }`"
        )
    for declaration in file.declarations:
        _declare(scope, declaration)
    check_declarations(scope.context, tuple(scope.declarations.values()))
    for space in file.spaces:
        name = space.name.text
        if name in scope.spaces:
            scope.context.duplicate(f"space `{name}`", space.name.span, scope.spaces[name].name.span)
        elif name in scope.imported:
            scope.context.duplicate(f"space `{name}`", space.name.span, scope.import_of[name].path.span)
        scope.spaces.setdefault(name, space)
    return scope


def _report_circle(context: Context, statement: ast.Import, imported: Context) -> None:
    """Report an import that leads back to a file which is being imported, where each of these files names the next."""
    closing = next((d for d in imported.diagnostics if d.code == "TS108"), None)
    if closing is None or any(d.code == "TS108" for d in context.diagnostics):
        return
    context.report(
        "TS108",
        statement.path.span,
        f"`{statement.path.value}` leads back to a file that imports it",
        label="closes the circle",
        labels=[Label(replace(closing.span, source=imported.source), "through this import")],
        help="move what both files need into a third file",
    )


def _take(scope: _Scope, imported: _Scope, statement: ast.Import) -> None:
    """Make the names of an imported file known."""
    for name in imported.spaces:
        if name in scope.imported and scope.imported[name] is not imported:
            scope.context.duplicate(f"space `{name}`", statement.path.span, scope.import_of[name].path.span)
        scope.imported.setdefault(name, imported)
        scope.import_of.setdefault(name, statement)
    for declaration in imported.file.declarations:
        _declare(scope, declaration)
        scope.import_of.setdefault(declaration.name.text, statement)


def _declare(scope: _Scope, declaration: Declaration) -> None:
    name = declaration.name.text
    other = scope.declarations.setdefault(name, declaration)
    if other is not declaration:
        scope.context.duplicate(f"`{name}`", declaration.name.span, other.name.span)


def _resolution(scope: _Scope, name: str, open_names: tuple[str, ...]) -> _Resolution:
    """What comes of a space, its base first; made once."""
    if name not in scope.results:
        scope.results[name] = _resolved(scope, scope.spaces[name], open_names)
    return scope.results[name]


def _resolved(scope: _Scope, space: ast.Space, open_names: tuple[str, ...]) -> _Resolution:
    context = Context(scope.context.source)
    declarations = tuple(scope.declarations.values())
    if space.base is None:
        flat = first(space, declarations)
    else:
        base = _base(scope, context, space, space.base, open_names)
        if base is None:
            context.has_wrong_base = True
            reported = tuple(context.diagnostics)
            resolve_space(context, without_base(space, declarations))
            sure = (d for d in context.diagnostics[len(reported) :] if d.code in _SURE_WITHOUT_BASE)
            return _Resolution(None, None, (*reported, *sure))
        flat = derive(context, base, space, declarations)
    resolved = resolve_space(context, flat)
    if context.has_wrong_base:
        unsure = _of_uncertain_values(scope, flat)
        own = tuple(
            d
            for d in context.diagnostics
            if not is_taken_over(flat, d.span) and not (d.code == "TS207" and any(_is_in(d.span, s) for s in unsure))
        )
        return _Resolution(flat, None, own)
    context.diagnostics[:] = [as_seen_from(flat, diagnostic) for diagnostic in context.diagnostics]
    if resolved is None or context.has_errors:
        return _Resolution(flat, None, tuple(context.diagnostics))
    return _Resolution(flat, ResolvedSpace(resolved, flat, context.origins), tuple(context.diagnostics))


def _of_uncertain_values(scope: _Scope, flat: Flat) -> list[Span]:
    """The overrides of a space whose decisions may have other values, as what a base frees is wrong."""
    overrides = [(entry.item, entry.level) for entry in flat.items if isinstance(entry.item, ast.Override)]
    reported = [d for result in scope.results.values() for d in result.diagnostics if d.source == scope.context.source]
    wrong = {
        item.selector.segments[0].word.text
        for item, level in overrides
        if level < flat.level and item.kind == "free" and any(_is_in(d.span, item.span) for d in reported)
    }
    is_lossy = any(base.broken for base in flat.bases)
    own = [item for item, level in overrides if level == flat.level]
    return [item.span for item in own if is_lossy or item.selector.segments[0].word.text in wrong]


def _is_in(span: Span, outer: Span) -> bool:
    return span.source == outer.source and outer.start <= span.start < outer.end


def _base(
    scope: _Scope, context: Context, space: ast.Space, base: ast.Name, open_names: tuple[str, ...]
) -> Flat | None:
    """The base of a space, whose errors are reported there; None with a diagnostic.

    A misspelt name is reported, and then taken for what it most likely means.
    """
    chain = (*open_names, space.name.text)
    known = [*scope.spaces, *scope.imported]
    if base.text not in known:
        if not scope.file.broken and not any(d.code in ("TS107", "TS108") for d in scope.context.diagnostics):
            context.unknown_name(base, "space", known, help=_elsewhere(base.text))
        base = ast.Name(meant(base.text, [name for name in known if name not in chain]), base.span)
        context.has_wrong_base = True
        if base.text not in known:
            return None
    if base.text in scope.spaces:
        if base.text in chain:
            context.report("TS108", base.span, f"space `{space.name.text}` derives from itself", label="circular")
            return None
        own = _resolution(scope, base.text, chain) if len(chain) <= MAX_DERIVATIONS else None
        flat = own.flat if own is not None else None
        context.has_wrong_base |= own is not None and own.resolved is None
        if len(chain) > MAX_DERIVATIONS or (flat is not None and flat.level >= MAX_DERIVATIONS):
            context.report(
                "TS202",
                base.span,
                f"more than {MAX_DERIVATIONS} spaces derive from one another",
                help="write one of them in full",
            )
            return None
        return flat
    imported = scope.imported[base.text]
    result = _resolution(imported, base.text, ())
    if result.resolved is None:
        context.has_wrong_base = True
        if any(d.code == "TS108" for d in scope.context.diagnostics):
            return result.flat
        wrong = [*result.diagnostics, *imported.context.diagnostics]
        source = imported.context.source
        notes = []
        for diagnostic in wrong[:1]:
            at = source.position(diagnostic.span.start)
            notes.append(f"the first is at {source.name}:{at.line}:{at.column}: {diagnostic.message}")
        context.report(
            "TS107",
            base.span,
            f"space `{base.text}` in {source.name} has errors",
            labels=[Label(scope.import_of[base.text].path.span, "imported here")],
            notes=notes,
            help=f"run `tsdsl check {source.name}`",
        )
    return result.flat


def _similar_paths(written: str, source: SourceFile) -> list[str]:
    """The paths that can be imported and are most similar to what is written, extensions aside."""
    by_name = {path.removesuffix(SUFFIX): path for path, _ in importable(source) if path != written}
    return [by_name[name] for name in similar(written.removesuffix(SUFFIX), by_name)]


def _elsewhere(name: str) -> str:
    """Where a space that is not known here may be."""
    shipped = shipped_with(name)
    return f'write `import "{shipped[0]}"` for the shipped one' if shipped else "import the file that defines it"


def _unused(scope: _Scope) -> list[Diagnostic]:
    """Warnings of declarations and imports of this file that none of its spaces mentions."""
    gives_names = scope.file.declarations or scope.file.imports
    if not scope.spaces or not gives_names or has_gaps(scope.file):
        return []
    used = mentions((scope.file.spaces, scope.file.declarations))
    known = [*scope.spaces, *scope.imported]
    used |= {meant(space.base.text, known) for space in scope.file.spaces if space.base is not None}
    context = Context(scope.context.source)
    for declaration in scope.file.declarations:
        report_unused(context, declaration, used)
    for statement in scope.file.imports:
        given = [name for name, source in scope.import_of.items() if source is statement]
        if given and not used & set(given):
            context.report(
                "TS103",
                statement.path.span,
                f"nothing from `{statement.path.value}` is used",
                help=f"it defines {', '.join(f'`{name}`' for name in given)}: use one, or remove the import",
                fixes=[context.removal("remove the import", statement.span)],
            )
    return context.diagnostics


def _check_version(context: Context, file: ast.File) -> None:
    if file.version is None:
        if not file.broken:
            first = f"tsspace {LANGUAGE_VERSION}"
            context.report(
                "TS004",
                Span(0, 0),
                "the language version is missing",
                help=f"begin the file with `{first}`",
                fixes=[replacement(f"begin with `{first}`", Span(0, 0), f"{first}\n", safe=True)],
            )
    elif file.version.value != LANGUAGE_VERSION:
        context.report(
            "TS004",
            file.version.span,
            f"expected language version {LANGUAGE_VERSION}, got {file.version.value}",
            help="update tsdsl" if file.version.value > LANGUAGE_VERSION else "write `tsspace 1`",
        )
