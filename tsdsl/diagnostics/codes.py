"""The registry of diagnostic codes: each is stable and has one meaning.

TS0xx text and syntax, TS1xx names, TS2xx values, TS3xx shapes and slots, TS4xx steps and budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from tsdsl.records import dataclass

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """A stable code, its severity and what it stands for."""

    code: str
    severity: Severity
    title: str


_ALL = (
    Code("TS001", "error", "characters that the language does not have"),
    Code("TS002", "error", "syntax: something else was expected here"),
    Code("TS003", "error", "a brace or parenthesis that is never closed"),
    Code("TS004", "error", "the language version is missing or unknown"),
    Code("TS005", "error", "a file without a space"),
    Code("TS101", "error", "an unknown name"),
    Code("TS102", "error", "a name or number that is given twice"),
    Code("TS103", "warning", "a name that is never used"),
    Code("TS104", "error", "a name of the wrong kind"),
    Code("TS105", "error", "an unknown attribute"),
    Code("TS106", "error", "a missing attribute"),
    Code("TS107", "error", "an import that cannot be used"),
    Code("TS108", "error", "imports or derivations that go round in a circle"),
    Code("TS201", "error", "a value of the wrong kind"),
    Code("TS202", "error", "a value out of range"),
    Code("TS203", "error", "a choice that is empty or repeats a value"),
    Code("TS204", "error", "a range whose step does not meet its end"),
    Code("TS205", "error", "an even kernel"),
    Code("TS206", "error", "a choice where one value is needed"),
    Code("TS207", "error", "a decision fixed at a value that it does not have"),
    Code("TS301", "error", "a stride that the feature map is too small for"),
    Code("TS302", "error", "streams whose sizes differ where they are joined"),
    Code("TS303", "error", "frames that do not divide each other"),
    Code("TS304", "error", "widths that differ where they are summed"),
    Code("TS305", "error", "a slot at a place that has no next group"),
    Code("TS306", "error", "a selector that matches nothing"),
    Code("TS307", "error", "a stream or stage without groups"),
    Code("TS308", "error", "a width that rounds down to nothing"),
    Code("TS309", "error", "stages out of order"),
    Code("TS401", "error", "a decision that two steps make"),
    Code("TS402", "warning", "a decision that no step makes"),
    Code("TS403", "error", "a step that needs a part which comes later"),
    Code("TS404", "error", "a budget that no architecture of the step can meet"),
    Code("TS405", "warning", "a budget that every architecture of the step meets"),
    Code("TS406", "warning", "a choice that no architecture within the step's budget has"),
    Code("TS407", "warning", "choices too entangled for exact facts"),
    Code("TS408", "error", "constraints that no architecture satisfies"),
    Code("TS409", "warning", "a constraint that every architecture satisfies"),
    Code("TS410", "warning", "a decision that changes nothing"),
    Code("TS411", "warning", "a constraint that an earlier step can make impossible"),
)
CODES: Mapping[str, Code] = MappingProxyType({code.code: code for code in _ALL})
