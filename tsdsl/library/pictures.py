"""Pictures as objects that notebooks show and that can be saved."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import Path

from tsdsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: `svg` is its source, `title` what it shows. Notebooks display it; `save` writes it."""

    svg: str
    title: str

    def __repr__(self) -> str:
        return f"<Picture of {self.title}>"

    def save(self, path: str | Path) -> Path:
        """Write it as .svg, .png or .pdf, and return the path.

        Raises:
            UsageError: the path has another ending.
            FileError: the file cannot be written.
        """
        from tsdsl.drawing import write_picture

        write_picture(self.svg, path)
        return Path(path)

    def _repr_html_(self) -> str:
        """It as an image: several on one page then share no identifiers, and nothing in them can run."""
        data = b64encode(self.svg.encode()).decode()
        return f'<img alt="{escape(self.title)}" style="max-width: 100%" src="data:image/svg+xml;base64,{data}">'
