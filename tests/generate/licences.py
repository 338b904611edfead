"""Prints the table of licences of the page on security: of tsdsl's dependencies, and of what these depend on.

`python tests/generate/licences.py`
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement


def licences(package: str) -> dict[str, str]:
    """The licence of everything that an installed package needs, by name, as the packages declare it."""
    found: dict[str, str] = {}
    waiting = [(package, frozenset({""}))]
    while waiting:
        name, extras = waiting.pop()
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            found[name] = "not installed here"
            continue
        if name != package:
            found[name] = _licence(installed)
        for text in installed.requires or []:
            needed = Requirement(text)
            wanted = re.sub(r"[-_.]+", "-", needed.name).lower()
            holds = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
            if holds and wanted not in found:
                waiting.append((wanted, frozenset({"", *needed.extras})))
    return dict(sorted(found.items()))


def _licence(installed: Distribution) -> str:
    declared = installed.metadata.get("License-Expression")
    kinds = [kind.split(" :: ")[-1] for kind in installed.metadata.get_all("Classifier", []) if "License ::" in kind]
    first = (installed.metadata.get("License") or "").split("\n")[0]
    files = ", ".join(installed.metadata.get_all("License-File", []))
    return declared or ", ".join(kinds) or first or (f"see {files}" if files else "not declared")


if __name__ == "__main__":
    print("| package | licence |\n| --- | --- |")
    for name, licence in licences("tsdsl").items():
        print(f"| {name} | {licence} |")
