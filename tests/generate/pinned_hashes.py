"""Prints `tests/pinned_hashes.txt`: every package of this test environment, exactly, with the hash of its file.

`python tests/generate/pinned_hashes.py > tests/pinned_hashes.txt`
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from licences import dependencies
from packaging.utils import canonicalize_name


def pinned() -> list[str]:
    """A line for each package that tsdsl and its tests need, for this version of Python and this kind of machine."""
    found = dependencies("tsdsl", ["dev"])
    wanted = [f"{name}=={installed.version}" for name, installed in found.items() if installed is not None]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", str(report)]
        subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, *wanted], check=True, stderr=subprocess.DEVNULL
        )
        files = json.loads(report.read_text(encoding="utf-8"))["install"]
    return sorted(
        f"{canonicalize_name(file['metadata']['name'])}=={file['metadata']['version']} "
        f"--hash=sha256:{file['download_info']['archive_info']['hashes']['sha256']}"
        for file in files
    )


if __name__ == "__main__":
    implementation, system = platform.python_implementation(), f"{platform.system()} {platform.machine()}"
    print(f"# {implementation} {platform.python_version()}, {system}: python tests/generate/pinned_hashes.py")
    print("\n".join(pinned()))
