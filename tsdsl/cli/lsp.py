"""`tsdsl lsp`: the language server."""

from __future__ import annotations

import gc

OBJECTS_BETWEEN_COLLECTIONS = 100_000


def lsp() -> None:
    """Serve an editor over standard input and output, by the Language Server Protocol."""
    from tsdsl.lsp.server import build_server

    # Trees and what is remembered hold no cycles; the collector's walks over them took as long as the features.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    build_server().start_io()
