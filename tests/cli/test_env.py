"""`tsdsl env`: what a report of a fault needs."""

from __future__ import annotations

import json

from tsdsl import __version__
from tsdsl.cli.main import run


def test_it_names_versions_devices_and_kernels(capsys):
    assert run(["env", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tsdsl"] == __version__
    assert found["devices"].endswith("cpu")
    assert found["depthwise_kernels"].startswith(("numba", "triton", "torch"))
    assert run(["env"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip().replace(" ", "_") for line in lines] == list(found)
