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
    """A stable code, its severity and its meaning."""

    code: str
    severity: Severity
    title: str


_ALL = (
    Code("TS001", "error", "characters that are not part of the language"),
    Code("TS002", "error", "unexpected syntax"),
    Code("TS003", "error", "an unclosed brace or parenthesis"),
    Code("TS004", "error", "the language version is missing or unknown"),
    Code("TS005", "error", "a file without a space"),
    Code("TS101", "error", "an unknown name"),
    Code("TS102", "error", "a duplicate name or number"),
    Code("TS103", "warning", "an unused name"),
    Code("TS104", "error", "a name of the wrong kind"),
    Code("TS105", "error", "an unknown attribute"),
    Code("TS106", "error", "a missing attribute"),
    Code("TS107", "error", "an import that cannot be used"),
    Code("TS108", "error", "circular imports or derivations"),
    Code("TS109", "error", "a name that a model cannot have"),
    Code("TS201", "error", "a value of the wrong kind"),
    Code("TS202", "error", "a value out of range"),
    Code("TS203", "error", "a choice that is empty or repeats a value"),
    Code("TS204", "error", "a range whose steps do not reach its end"),
    Code("TS205", "error", "an even kernel"),
    Code("TS206", "error", "a choice where one value is needed"),
    Code("TS207", "error", "a decision fixed at a value that it does not have"),
    Code("TS301", "error", "a stride larger than its feature map"),
    Code("TS302", "error", "different sizes where streams are fused"),
    Code("TS303", "error", "frame counts that do not divide each other"),
    Code("TS304", "error", "different widths in a sum"),
    Code("TS305", "error", "a fusion after the last group"),
    Code("TS306", "error", "a selector that matches nothing"),
    Code("TS307", "error", "a stream or stage without groups"),
    Code("TS308", "error", "a width that rounds down to zero"),
    Code("TS309", "error", "stages out of order"),
    Code("TS311", "error", "sizes that depend on too many choices"),
    Code("TS401", "error", "a decision searched in two steps"),
    Code("TS402", "warning", "a decision that no step searches"),
    Code("TS403", "error", "a step that needs a part of a later step"),
    Code("TS404", "error", "a target that no architecture of the step meets"),
    Code("TS405", "warning", "a target that every architecture of the step meets"),
    Code("TS406", "warning", "a choice that no architecture within the target has"),
    Code("TS407", "warning", "choices too complex for exact results"),
    Code("TS408", "error", "constraints that no architecture satisfies"),
    Code("TS409", "warning", "a constraint that every architecture satisfies"),
    Code("TS410", "warning", "a decision without effect"),
    Code("TS411", "warning", "a constraint that an earlier step can make impossible"),
    Code("TS412", "warning", "a depth that leaves groups with `each` as they are"),
)
CODES: Mapping[str, Code] = MappingProxyType({code.code: code for code in _ALL})
