"""`tsdsl lsp`: the language server."""

from __future__ import annotations


def lsp() -> None:
    """Serve an editor over standard input and output, by the Language Server Protocol."""
    from tsdsl.lsp.server import build_server

    build_server().start_io()
