"""The language server over stdio: converts between the types of the protocol and those of the features."""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from tsdsl.errors import UsageError
from tsdsl.lsp import convert
from tsdsl.lsp.features import completion, edits, highlight, hover, inlay, navigation, outline
from tsdsl.lsp.positions import Encoding, Place, Positions
from tsdsl.lsp.snapshot import Snapshot, take
from tsdsl.source import SourceFile
from tsdsl.source_files import MAX_SPACE_BYTES, STANDARD, read_source

PAUSE_BEFORE_CHECKING_S = 0.1


class SpaceServer(LanguageServer):
    """The open texts and a snapshot of each."""

    def __init__(self) -> None:
        # Whole texts, because pygls splits lines at more characters than the protocol when it applies edits.
        super().__init__("tsdsl", version("tsdsl"), text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.snapshots: dict[str, Snapshot] = {}
        self.waiting: dict[str, asyncio.TimerHandle] = {}
        self.stale: set[str] = set()

    def snapshot(self, uri: str) -> Snapshot:
        """The snapshot of the current text; checked once per version of the text and its imports."""
        text = self.workspace.get_text_document(uri).source
        if len(text) > MAX_SPACE_BYTES:
            text = ""
        known = self.snapshots.get(uri)
        if known is None or known.source.text != text or uri in self.stale:
            self.stale.discard(uri)
            known = take(SourceFile(_name(uri), text), known, self.read)
            self.snapshots[uri] = known
        return known

    def read(self, name: str) -> SourceFile:
        """The text of an imported file: if it is open, the edited text."""
        if not name.startswith(STANDARD):
            place = Path(name).resolve()
            for uri in self.workspace.text_documents:
                if uri in self.snapshots and Path(_name(uri)).resolve() == place:
                    return SourceFile(name, self.workspace.get_text_document(uri).source)
        return read_source(name)

    def positions(self, snapshot: Snapshot) -> Positions:
        """Positions in the encoding of the client."""
        encodings: dict[str | None, Encoding] = {"utf-8": "utf-8", "utf-32": "utf-32"}
        encoding = self.workspace.position_encoding
        return Positions(snapshot.source.text, encodings.get(str(getattr(encoding, "value", encoding)), "utf-16"))

    def check_soon(self, uri: str) -> None:
        """Publish diagnostics after a pause in typing."""
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        loop = asyncio.get_running_loop()
        self.waiting[uri] = loop.call_later(PAUSE_BEFORE_CHECKING_S, self.publish_all, uri)

    def publish_all(self, uri: str) -> None:
        """Send the diagnostics of a changed text, and of the open texts with imports."""
        self.publish(uri)
        for other in list(self.snapshots):
            if other != uri and self.snapshots[other].file.imports:
                self.stale.add(other)
                self.publish(other)

    def publish(self, uri: str) -> None:
        """Send the diagnostics of the current text."""
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        document = self.workspace.get_text_document(uri)
        snapshot = self.snapshot(uri)
        positions = self.positions(snapshot)
        found = [convert.diagnostic_of(uri, positions, diagnostic) for diagnostic in snapshot.diagnostics]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, document.version))

    def forget(self, uri: str) -> None:
        """Drop a closed text and its diagnostics."""
        self.snapshots.pop(uri, None)
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def build_server() -> SpaceServer:
    """A server with all features."""
    server = SpaceServer()
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_defect)
    _follow_texts(server)
    _explain(server)
    _navigate(server)
    _edit(server)
    _paint(server)
    return server


def _follow_texts(server: SpaceServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: SpaceServer, params: types.DidOpenTextDocumentParams) -> None:
        ls.publish_all(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(ls: SpaceServer, params: types.DidChangeTextDocumentParams) -> None:
        ls.check_soon(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(ls: SpaceServer, params: types.DidSaveTextDocumentParams) -> None:
        ls.publish_all(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: SpaceServer, params: types.DidCloseTextDocumentParams) -> None:
        ls.forget(params.text_document.uri)


def _explain(server: SpaceServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(ls: SpaceServer, params: types.HoverParams) -> types.Hover | None:
        snapshot, positions, offset = _at(ls, params.text_document.uri, params.position)
        found = hover.hover(snapshot, offset)
        if found is None:
            return None
        content = types.MarkupContent(types.MarkupKind.Markdown, found.markdown)
        return types.Hover(content, convert.range_of(positions, found.span))

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def hinted(ls: SpaceServer, params: types.InlayHintParams) -> list[types.InlayHint]:
        snapshot = ls.snapshot(params.text_document.uri)
        positions = ls.positions(snapshot)
        return [
            types.InlayHint(
                convert.position_of(positions, hint.offset), hint.label, padding_left=True, tooltip=inlay.TOOLTIP
            )
            for hint in inlay.inlay_hints(snapshot, convert.span_of(positions, params.range))
        ]

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        types.CompletionOptions(trigger_characters=[" ", ".", "=", "{", "(", ",", "[", '"', "/"]),
    )
    def completed(ls: SpaceServer, params: types.CompletionParams) -> types.CompletionList:
        snapshot, positions, offset = _at(ls, params.text_document.uri, params.position)
        items = [
            types.CompletionItem(
                label=found.label,
                kind=convert.SUGGESTIONS[found.kind],
                detail=found.detail or None,
                documentation=types.MarkupContent(types.MarkupKind.Markdown, found.documentation)
                if found.documentation
                else None,
                sort_text=f"{number:03}",
                text_edit=types.TextEdit(convert.range_of(positions, found.replaces), found.text),
            )
            for number, found in enumerate(completion.complete(snapshot, offset))
        ]
        return types.CompletionList(is_incomplete=False, items=items)


def _navigate(server: SpaceServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def defined(ls: SpaceServer, params: types.DefinitionParams) -> list[types.Location]:
        snapshot, positions, offset = _at(ls, params.text_document.uri, params.position)
        file = navigation.imported_file(snapshot, offset)
        if file is not None:
            return [convert.location_of(params.text_document.uri, positions, file)]
        return convert.locations_of(params.text_document.uri, positions, navigation.definitions(snapshot.names, offset))

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def referred(ls: SpaceServer, params: types.ReferenceParams) -> list[types.Location]:
        snapshot, positions, offset = _at(ls, params.text_document.uri, params.position)
        with_declarations = params.context.include_declaration
        found = navigation.references(snapshot.names, offset, with_declarations=with_declarations)
        return convert.locations_of(params.text_document.uri, positions, found)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(ls: SpaceServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        snapshot = ls.snapshot(params.text_document.uri)
        return convert.symbols_of(ls.positions(snapshot), outline.symbols(snapshot.file))

    @server.feature(types.TEXT_DOCUMENT_FOLDING_RANGE)
    def folded(ls: SpaceServer, params: types.FoldingRangeParams) -> list[types.FoldingRange]:
        snapshot = ls.snapshot(params.text_document.uri)
        positions = ls.positions(snapshot)
        found = []
        for fold in outline.folds(snapshot.tokens):
            first, last = positions.place(fold.span.start).line, positions.place(fold.span.end).line
            if first < last:
                found.append(types.FoldingRange(first, last, kind=types.FoldingRangeKind(fold.kind)))
        return found


def _edit(server: SpaceServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(ls: SpaceServer, params: types.PrepareRenameParams) -> types.Range | None:
        snapshot, positions, offset = _at(ls, params.text_document.uri, params.position)
        found = navigation.renamable(snapshot.names, offset)
        return convert.range_of(positions, found.span) if found is not None else None

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def renamed(ls: SpaceServer, params: types.RenameParams) -> types.WorkspaceEdit:
        snapshot, positions, offset = _at(ls, params.text_document.uri, params.position)
        try:
            found = navigation.renamed(snapshot.names, offset, params.new_name)
        except UsageError as error:
            raise JsonRpcException(f"{error.message}: {error.help}", types.LSPErrorCodes.RequestFailed) from error
        changes: dict[str, list[types.TextEdit]] = {}
        for place in convert.locations_of(params.text_document.uri, positions, found):
            changes.setdefault(place.uri, []).append(types.TextEdit(place.range, params.new_name))
        return types.WorkspaceEdit(changes=changes)

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatted(ls: SpaceServer, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        snapshot = ls.snapshot(params.text_document.uri)
        return convert.edits_of(ls.positions(snapshot), edits.formatting(snapshot.source))

    kinds = [types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=kinds))
    def fixed(ls: SpaceServer, params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        snapshot = ls.snapshot(uri)
        positions = ls.positions(snapshot)
        wanted = params.context.only
        actions = []
        if not wanted or types.CodeActionKind.QuickFix in wanted:
            selected = convert.span_of(positions, params.range)
            actions += [convert.action_of(uri, positions, fix) for fix in edits.quick_fixes(snapshot, selected)]
        if wanted and {types.CodeActionKind.Source, types.CodeActionKind.SourceFixAll} & set(wanted):
            found = convert.edits_of(positions, edits.all_safe_fixes(snapshot.source))
            if found:
                edit = types.WorkspaceEdit(changes={uri: found})
                actions.append(types.CodeAction("Apply all safe fixes", types.CodeActionKind.SourceFixAll, edit=edit))
        return actions


def _paint(server: SpaceServer) -> None:
    legend = types.SemanticTokensLegend(list(highlight.TOKEN_TYPES), list(highlight.TOKEN_MODIFIERS))

    @server.feature(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, legend)
    def painted(ls: SpaceServer, params: types.SemanticTokensParams) -> types.SemanticTokens:
        snapshot = ls.snapshot(params.text_document.uri)
        return types.SemanticTokens(convert.token_data(ls.positions(snapshot), highlight.highlights(snapshot)))


def _is_defect(record: logging.LogRecord) -> bool:
    """Whether to log a record: not the traceback of a refused request, which the client shows as a message."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, JsonRpcException) and error.code == types.LSPErrorCodes.RequestFailed)


def _name(uri: str) -> str:
    """The path of a file; the URI of anything else."""
    return to_fs_path(uri) or uri


def _at(ls: SpaceServer, uri: str, position: types.Position) -> tuple[Snapshot, Positions, int]:
    snapshot = ls.snapshot(uri)
    positions = ls.positions(snapshot)
    return snapshot, positions, positions.offset(Place(position.line, position.character))
