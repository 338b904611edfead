"""An architecture that knows its space, so that it can be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import PrivateAttr

from tsdsl.files import write_json
from tsdsl.space import architecture as record

if TYPE_CHECKING:
    from tsdsl.library.pictures import Picture
    from tsdsl.space.model import Space


class Architecture(record.Architecture):
    """A value for every decision of a space, frozen, with `flops` and `params` where they are known.

    `space.sample`, `space.architecture` and searches give them.
    """

    _origin: Space | None = PrivateAttr(None)

    @classmethod
    def of(cls, architecture: record.Architecture, space: Space | None = None) -> Architecture:
        """The same architecture with its space."""
        made = cls.model_construct(architecture.model_fields_set, **dict(architecture))
        made._origin = space
        return made

    @property
    def origin(self) -> Space | None:
        """The space it was taken from, if it was."""
        return self._origin

    def save(self, path: str | Path) -> Path:
        """Write it as a JSON file, which all commands take, and return the path."""
        write_json(Path(path), self.model_dump(mode="json"))
        return Path(path)

    def render(self, *, theme: Literal["light", "dark"] = "light") -> Picture:
        """Its figure: a box for each group, with its choices.

        Raises:
            UsageError: its space is not known; make it by `space.architecture`.
        """
        from tsdsl.library.html import architecture_picture

        return architecture_picture(self, self._origin, theme)

    def _repr_html_(self) -> str:
        """Its costs and choices, and its figure where its space is known, for notebooks."""
        from tsdsl.library.html import architecture_html

        return architecture_html(self, self._origin)
