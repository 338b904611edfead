"""HTML of headings, paragraphs and tables, as notebooks show results; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def block(heading: str, *parts: str) -> str:
    """Parts below their heading."""
    return f"<div><strong>{escape(heading.strip('<>'))}</strong>{''.join(parts)}</div>"


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{escape(text)}</p>"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, each row as long as its columns."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
