"""Weight files: what is written is read, and anything else is refused by name."""

from __future__ import annotations

import os
from random import Random

import pytest
import safetensors.torch
import torch

from support.binary_mutations import damaged_weights
from tsdsl.errors import FileError
from tsdsl.lowering import Model, load_weights, read_weights_architecture, save_model
from tsdsl.lowering.weights import file_hash, read_tensors
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture


@pytest.fixture
def model(small_space, draw):
    return Model(Blueprint(small_space).network(draw(small_space, 0)), seed=0)


def other_than(model):
    return Model(model.network, seed=9)


def test_weights_and_architecture_survive_the_file(tmp_path, model, small_space, draw):
    path = tmp_path / "model.safetensors"
    architecture = Architecture(
        space="small", fingerprint=small_space.fingerprint, decisions=draw(small_space, 0), step=None
    )
    model(torch.randn(2, 3, 4, 16, 16))
    save_model(path, model, architecture)
    twin = other_than(model)
    load_weights(path, twin)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, twin.state_dict()[name]), name
    assert read_weights_architecture(path) == architecture
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_model_gives_the_same_bytes(tmp_path, model, small_space, draw):
    architecture = Architecture(space="small", fingerprint=small_space.fingerprint, decisions=draw(small_space, 0))
    for number in range(8):
        save_model(tmp_path / f"{number}.safetensors", model, architecture)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_file_without_architecture_says_so(tmp_path, model):
    save_model(tmp_path / "m.safetensors", model)
    assert read_weights_architecture(tmp_path / "m.safetensors") is None


@pytest.mark.parametrize(
    "read", [lambda path, model: load_weights(path, model), lambda path, _: read_weights_architecture(path)]
)
@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"PK\x03\x04" * 99]
)
def test_truncated_and_foreign_files_are_refused(tmp_path, model, damage, read):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FileError, match=r"m\.safetensors: is not a complete safetensors file") as caught:
        read(path, model)
    assert caught.value.help


def test_a_missing_file_is_refused(tmp_path, model):
    with pytest.raises(FileError, match=r"none\.safetensors: cannot be read"):
        load_weights(tmp_path / "none.safetensors", model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("head.classifier.classifier.bias"), r"missing head\.classifier\.classifier\.bias"),
        (lambda t: t.update(extra=torch.zeros(1)), "unknown extra"),
        (
            lambda t: t.update({"head.classifier.classifier.bias": torch.zeros(7)}),
            r"head\.classifier\.classifier\.bias is 7 in the file and 5 in the model",
        ),
    ],
)
def test_weights_of_another_model_are_refused_and_nothing_is_copied(tmp_path, model, change, message):
    path = tmp_path / "m.safetensors"
    tensors = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    change(tensors)
    safetensors.torch.save_file(tensors, path)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(FileError, match=message):
        load_weights(path, model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_many_mismatches_are_counted_not_listed(tmp_path, model):
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(FileError, match=r"and \d+ more"):
        load_weights(path, model)


def test_a_named_pipe_in_place_of_weights_is_reported(tmp_path):
    path = tmp_path / "weights.safetensors"
    os.mkfifo(path)
    for read in (read_tensors, read_weights_architecture, file_hash):
        with pytest.raises(FileError, match="is a named pipe, expected a file"):
            read(path)


def test_damaged_weights_are_read_or_refused_by_name(tmp_path, model):
    path = tmp_path / "weights.safetensors"
    save_model(path, model)
    content, errors = path.read_bytes(), []
    for seed in range(300):
        path.write_bytes(damaged_weights(content, Random(seed)))
        for read in (read_tensors, read_weights_architecture):
            try:
                read(path)
            except FileError as error:
                errors.append(error.message)
    assert len(errors) > 300
    assert all(str(path) in error for error in errors)
