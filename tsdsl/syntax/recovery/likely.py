"""What was most likely meant where a token cannot stand, so that one mistake is told once and the rest is read."""

from __future__ import annotations

from tsdsl.syntax.recovery.likely_signs import SIGN_RULES
from tsdsl.syntax.recovery.likely_words import WORD_RULES, looks_misspelt
from tsdsl.syntax.recovery.place import Guess, Place


def guess(place: Place) -> Guess | None:
    """What was most likely meant; None where there is no telling."""
    return next((found for rule in (*WORD_RULES, *SIGN_RULES) if (found := rule(place)) is not None), None)


__all__ = ["Guess", "Place", "guess", "looks_misspelt"]
