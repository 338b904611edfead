"""What `tsdsl verify` found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Report:
    """The facts found right and wrong, each starting with its file."""

    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, fact: str, otherwise: str) -> None:
        """Add `fact` if it holds, else add `otherwise` to the wrong ones."""
        if holds:
            self.right.append(fact)
        else:
            self.wrong.append(otherwise)
