"""What `tsdsl verify` found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Report:
    """What was found right and wrong, each with the file it is about."""

    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, fact: str, otherwise: str) -> None:
        """Record a fact that holds, or what is there instead."""
        if holds:
            self.right.append(fact)
        else:
            self.wrong.append(otherwise)
