"""Choosing a device, and what a run records about it."""

from __future__ import annotations

import pytest
import torch

from tsdsl.engine.device import autocast, available_devices, choose_device, environment
from tsdsl.errors import UsageError


def test_auto_is_the_best_that_is_available() -> None:
    assert choose_device("auto") == torch.device(available_devices()[0])


def test_cuda_means_the_first_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert choose_device("cuda") == choose_device("auto") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["cuda:7", "tpu", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UsageError, match=f"device '{name}'") as caught:
        choose_device(name)
    assert "cpu" in str(caught.value.help)


def test_autocast_changes_nothing_on_the_cpu() -> None:
    with autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_the_record_names_versions_and_device() -> None:
    record = environment(torch.device("cpu"))
    assert record["torch"] == torch.__version__
    assert record["device"].startswith("cpu")
