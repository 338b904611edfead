"""From syntax tree to `Space`: names, domains, derivation, decisions, slots and steps, with diagnostics."""

from tsdsl.space.resolve.file import LANGUAGE_VERSION, Resolved, ResolvedSpace, resolve
from tsdsl.space.resolve.imports import Read
from tsdsl.space.resolve.space import as_seen_from

__all__ = ["LANGUAGE_VERSION", "Read", "Resolved", "ResolvedSpace", "as_seen_from", "resolve"]
