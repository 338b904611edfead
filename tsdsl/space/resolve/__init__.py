"""Resolution: from the syntax tree to a `Space`, with a diagnostic for everything that is wrong."""

from tsdsl.space.resolve.file import Resolved, ResolvedSpace, resolve

__all__ = ["Resolved", "ResolvedSpace", "resolve"]
