"""Prints the table of licences of the page on security: of tsdsl's dependencies, and of what these depend on.

`python tests/generate/licences.py`
"""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement


def dependencies(package: str, extras: Collection[str] = ()) -> dict[str, Distribution | None]:
    """Everything that an installed package needs with some extras, by name; None where it is not installed here."""
    found: dict[str, Distribution | None] = {}
    waiting = [(package, frozenset({"", *extras}))]
    while waiting:
        name, wanted_extras = waiting.pop()
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            found[name] = None
            continue
        if name != package:
            found[name] = installed
        for text in installed.requires or []:
            needed = Requirement(text)
            wanted = re.sub(r"[-_.]+", "-", needed.name).lower()
            holds = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in wanted_extras)
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
    for name, installed in dependencies("tsdsl").items():
        print(f"| {name} | {_licence(installed) if installed is not None else 'not installed here'} |")
