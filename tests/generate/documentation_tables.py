"""The tables of the documentation that say what the code says, made from the code.

`python tests/generate/documentation_tables.py` writes them into the pages, between `<!-- table NAME -->` and
`<!-- end -->`; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

import tsdsl
from support.gallery import gallery
from support.published_networks import MANUAL, NETWORKS, rows
from tsdsl.analysis.comparison.compare import bounds
from tsdsl.data.settings import ClipSettings, ReadingSettings
from tsdsl.diagnostics import CODES
from tsdsl.engine.recipe import EvaluateSettings, TrainSettings
from tsdsl.operators.head import HEAD_ATTRIBUTES
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS
from tsdsl.operators.schema import Attribute, Operator
from tsdsl.searching.settings import Cadence, DataSettings, SearchSettings
from tsdsl.units import giga

DOCS = Path(tsdsl.__file__).parent / "docs"
PLACE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


ATTRIBUTE_HEADER = ("attribute", "kind", "values", "default", "choice", "meaning")


def attribute_row(attribute: Attribute) -> tuple[str, ...]:
    """One attribute: its kind, bounds, default, and whether it may be given a choice."""
    values = ", ".join(f"`{word}`" for word in attribute.keywords)
    if not values:
        values = f"{'odd, ' if attribute.odd else ''}{attribute.minimum:g} to {attribute.maximum:g}"
    default = "" if attribute.optional else "required"
    if attribute.default is not None:
        default = f"`{attribute.default}`"
    choice = "yes" if attribute.searchable else "no"
    return (f"`{attribute.name}`", attribute.kind, values, default, choice, attribute.doc)


def operators(registry: Mapping[str, Operator]) -> str:
    """Every operator of one role, each with the table of its attributes."""
    parts = []
    for operator in registry.values():
        heading = f"**`{operator.name}`**: {operator.doc}."
        rows = [attribute_row(attribute) for attribute in operator.attributes]
        parts.append(f"{heading}\n\n{table(ATTRIBUTE_HEADER, rows)}" if rows else f"{heading} No attributes.\n")
    return "\n" + "\n".join(parts) + "\n"


def settings(model: type[BaseModel]) -> str:
    """Every setting with its default, and its description, which names where the default comes from."""
    rows = []
    for name, field in model.model_fields.items():
        description = " ".join((field.description or "").split())
        default = "the step's own" if name == "epochs" and field.default is None else f"`{field.default}`"
        rows.append((f"`{name}`", default, description))
    return table(("setting", "default", "what it is, and where the default comes from"), rows)


SEARCHED = ("once_for_all", "attentive_nas", "movinet", "auto_x3d", "slowfast_search")


def searched() -> str:
    """Exact facts about the shipped search spaces of other work, as `tsdsl inspect` prints them."""
    rows = []
    for name in SEARCHED:
        space = tsdsl.load(f"std:{name}")
        found = bounds(space)
        rows.append(
            (
                f"`std:{name}`",
                f"{len(space.decisions)}",
                f"{space.cardinality:,}",
                f"{giga(found.least_macs)} to {giga(found.most_macs)}",
                f"{found.least_params:,} to {found.most_params:,}",
            )
        )
    return table(("space", "decisions", "architectures", "multiply-adds of a clip", "parameters"), rows)


NETWORK_HEADER = ("network", "clip", "multiply-adds", "parameters", "without BN", "printed")

TABLES: Mapping[str, Callable[[], str]] = {
    "blocks": lambda: operators(BLOCKS),
    "fusions": lambda: operators(FUSIONS),
    "attentions": lambda: operators(ATTENTIONS),
    "head": lambda: table(ATTRIBUTE_HEADER, map(attribute_row, HEAD_ATTRIBUTES)),
    "codes": lambda: table(
        ("code", "severity", "meaning"), ((code.code, code.severity, code.title) for code in CODES.values())
    ),
    "search": lambda: settings(SearchSettings),
    "search_data": lambda: settings(DataSettings),
    "cadence": lambda: settings(Cadence),
    "train": lambda: settings(TrainSettings),
    "evaluate": lambda: settings(EvaluateSettings),
    "reading": lambda: settings(ReadingSettings),
    "clip": lambda: settings(ClipSettings),
    "networks": lambda: table((*NETWORK_HEADER, "where"), rows(NETWORKS, with_source=True)),
    "searched": searched,
    "gallery": gallery,
    "manual": lambda: table(NETWORK_HEADER, rows(MANUAL, with_source=False)),
}


def renewed(text: str) -> str:
    """A page with its tables made again."""
    return PLACE.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], text)


def table_names(text: str) -> list[str]:
    """The tables that a page holds."""
    return [match[2] for match in PLACE.finditer(text)]


if __name__ == "__main__":
    for page in sorted(DOCS.rglob("*.md")):
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
