"""`tsdsl lsp`: the language server."""

from __future__ import annotations

import gc

OBJECTS_BETWEEN_COLLECTIONS = 100_000


def lsp() -> None:
    """Run the language server over standard input and output."""
    from tsdsl.lsp.server import build_server

    # Syntax trees and caches hold no cycles; garbage collection of them took as long as the features.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    build_server().start_io()
