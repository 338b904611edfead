"""The table of likely mistakes, in the order in which they are tried; see `Mistake`."""

from __future__ import annotations

from tsdsl.syntax.recovery.characters import CHARACTERS
from tsdsl.syntax.recovery.gaps import GAPS
from tsdsl.syntax.recovery.mistake import Mistake
from tsdsl.syntax.recovery.statements import STATEMENTS
from tsdsl.syntax.recovery.values import VALUES

MISTAKES: tuple[Mistake, ...] = (*CHARACTERS, *STATEMENTS, *VALUES, *GAPS)
