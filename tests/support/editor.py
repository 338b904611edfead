"""An editor for tests: a client that starts the server and speaks to it over stdio, one request at a time."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.client import LanguageClient

T = TypeVar("T")
LONGEST_WAIT_S = 150.0  # on a machine with much else to do; an answer takes milliseconds
MARK = "|"


@dataclass(frozen=True)
class Text:
    """An open text, and the position at which its one `|` was, if it had one."""

    uri: str
    text: str
    position: types.Position

    @property
    def identifier(self) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri)

    def covered(self, found: types.Range) -> str:
        """What a range of the protocol covers, counted in UTF-16 independently of the server."""
        start, end = self._unit(found.start), self._unit(found.end)
        return self.text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")

    def edited(self, edits: list[types.TextEdit]) -> str:
        """The text with edits made."""
        units = self.text.encode("utf-16-le")
        for edit in sorted(edits, key=lambda edit: self._unit(edit.range.start), reverse=True):
            start, end = self._unit(edit.range.start), self._unit(edit.range.end)
            units = units[: 2 * start] + edit.new_text.encode("utf-16-le") + units[2 * end :]
        return units.decode("utf-16-le")

    def _unit(self, position: types.Position) -> int:
        lines = self.text.split("\n")
        before = sum(len(f"{line}\n".encode("utf-16-le")) // 2 for line in lines[: position.line])
        return before + position.character


class Editor:
    """A client with its server; `ask` waits for the answer."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = LanguageClient("tests", "1")
        self.published: dict[tuple[str, int | None], list[types.Diagnostic]] = {}
        self.arrived = asyncio.Event()
        self.numbers = itertools.count()
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: self._publish(params))
        self._run(self.client.start_io(sys.executable, "-m", "tsdsl", "lsp"))
        capabilities = types.ClientCapabilities()
        self.ready = self._run(self.client.initialize_async(types.InitializeParams(capabilities)))
        self.client.initialized(types.InitializedParams())

    def _publish(self, params: types.PublishDiagnosticsParams) -> None:
        self.published[params.uri, params.version] = list(params.diagnostics)
        self.arrived.set()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, LONGEST_WAIT_S))

    def open(self, marked: str, uri: str | None = None) -> Text:
        """Open a text without the mark in it, as a document of its own unless it is said which."""
        before, _, after = marked.partition(MARK)
        uri = uri or f"file:///project/space{next(self.numbers)}.tsspace"
        lines = before.split("\n")
        position = types.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)
        item = types.TextDocumentItem(uri, "tsspace", 1, before + after)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return Text(uri, before + after, position)

    def change(self, text: Text, marked: str, version: int) -> Text:
        """Type: put another text in place of an open one."""
        before, _, after = marked.partition(MARK)
        lines = before.split("\n")
        change = types.TextDocumentContentChangeWholeDocument(before + after)
        identifier = types.VersionedTextDocumentIdentifier(version, text.uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
        position = types.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)
        return Text(text.uri, before + after, position)

    def diagnostics(self, text: Text, version: int = 1) -> list[types.Diagnostic]:
        """What the server publishes for one version of a text."""

        async def wait() -> list[types.Diagnostic]:
            while (text.uri, version) not in self.published:
                self.arrived.clear()
                await self.arrived.wait()
            return self.published[text.uri, version]

        return self._run(wait())

    def forget(self, text: Text) -> None:
        """Drop what was published for a text so far."""
        for key in [key for key in self.published if key[0] == text.uri]:
            del self.published[key]

    def ask(self, method: str, params: Any) -> Any:
        """The answer to a request.

        Raises:
            JsonRpcException: the server answers with an error.
        """

        async def send() -> Any:
            return await self.client.protocol.send_request_async(method, params)

        return self._run(send())

    def close(self) -> int:
        """Shut the server down and return its exit code."""
        self._run(self.client.shutdown_async(None))
        self.client.exit(None)
        server = self.client._server
        assert server is not None
        code = self._run(server.wait())
        self._run(self.client.stop())
        self.loop.close()
        return code
