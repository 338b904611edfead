"""Models: names, shapes, first values, modes, and that they behave as any nn.Module."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tsdsl.errors import RunError
from tsdsl.lowering import Model, parameter_kinds, recalibrate
from tsdsl.lowering.run import merged
from tsdsl.network.layout import Blueprint
from tsdsl.space.stored import strictly


def clips(network, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, network.frames, network.size, network.size, generator=generator)


@pytest.fixture
def model(small_blueprint, draw):
    return Model(small_blueprint.network(draw(small_blueprint.space, 3)), seed=0)


def wake_silent_branches(model):
    """Give BN scales that start at 0 a value, so that gradients pass."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(torch.rand(parameter.shape, generator=torch.Generator().manual_seed(5)) + 0.5)


def test_scores_have_one_row_a_clip_and_one_column_a_class(model):
    assert model(clips(model.network, 3)).shape == (3, 5)


def test_state_dict_keys_are_the_dotted_names(model):
    keys = set(model.state_dict())
    assert {
        "sparse.stage1.group1.block0.expand.weight",
        "dense.stage1.group1.block0.se.reduce.weight",
        "sparse.stage0.group1.block0.norm.running_mean",
        "head.classifier.classifier.bias",
        "head.dense.pool.conv.weight",
    } <= keys
    assert set(parameter_kinds(model.network)) == {name for name, _ in model.named_parameters()}


def test_parameter_kinds_tell_what_should_decay(model):
    kinds = parameter_kinds(model.network)
    assert kinds["sparse.stage1.group1.block0.expand.weight"] == "weight"
    assert kinds["sparse.stage1.group1.block0.expand_norm.weight"] == "norm"
    assert kinds["head.classifier.classifier.bias"] == "bias"
    assert model.parameter_kind("head.classifier.project.weight") == "weight"


def test_gradients_reach_every_parameter(small_blueprint, draw):
    for seed in range(8):
        model = Model(small_blueprint.network(draw(small_blueprint.space, seed)), seed=0)
        wake_silent_branches(model)
        model(clips(model.network, 4)).square().sum().backward()
        silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert silent == []


@pytest.mark.parametrize("shape", [(2, 3, 5, 16, 16), (2, 1, 4, 16, 16), (3, 4, 16, 16)])
def test_a_clip_of_another_shape_is_refused_with_both_shapes(model, shape):
    with pytest.raises(ValueError, match=r"B x 3 x 4 x H x W") as caught:
        model(torch.zeros(shape))
    assert " x ".join(map(str, shape)) in str(caught.value)


def test_clips_need_not_be_square_nor_of_the_networks_size(model):
    assert model(torch.zeros(2, 3, 4, 20, 12)).shape == (2, 5)


def test_a_seed_determines_the_first_values_and_leaves_the_global_generator_alone(model):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again = Model(model.network, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    other = Model(model.network, seed=1)
    for (name, a), b in zip(model.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(
        model.get_parameter("head.classifier.project.weight"),
        other.get_parameter("head.classifier.project.weight"),
    )


def test_first_values_follow_the_layers_initialisation(model):
    conv = model.get_parameter("head.sparse.pool.conv.weight")
    assert conv.std().item() == pytest.approx((2 / conv.shape[0]) ** 0.5, rel=0.15)
    project = model.get_parameter("head.classifier.project.weight")
    assert project.std().item() == pytest.approx((2 / project.shape[0]) ** 0.5, rel=0.15)
    assert model.get_parameter("head.classifier.classifier.weight").std().item() == pytest.approx(0.01, rel=0.15)
    assert not model.get_parameter("head.classifier.classifier.bias").any()
    assert torch.all(model.get_parameter("sparse.stage0.group1.block0.norm.weight") == 1)
    assert not model.get_parameter("dense.stage1.group1.block0.project_norm.weight").any()


def test_training_updates_running_statistics_and_evaluation_uses_them(model):
    x = clips(model.network)
    model.train()(x)
    norm = model.get_submodule("sparse.stage0.group1.block0.norm")
    assert norm.num_batches_tracked == 1
    assert norm.running_mean.any()
    model.eval()
    torch.testing.assert_close(model(x)[:1], model(x[:1]))


def test_recalibration_averages_the_statistics_of_all_batches(model):
    batches = [clips(model.network, 2, seed) for seed in range(3)]
    model(clips(model.network, 2, 7) + 5)
    model.eval()
    assert recalibrate(model, iter(batches)) == 3
    assert not model.training
    norm = model.get_submodule("sparse.stage0.group1.block0.norm")
    assert norm.momentum == 0.1
    assert not norm.training
    weight = model.get_parameter("sparse.stage0.group1.block0.conv.weight")
    features = [torch.nn.functional.conv3d(batch[:, :, ::2], weight, None, (1, 2, 2), (0, 1, 1)) for batch in batches]
    torch.testing.assert_close(norm.running_mean, torch.stack([x.mean((0, 2, 3, 4)) for x in features]).mean(0))
    torch.testing.assert_close(
        norm.running_var,
        torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in features]).mean(0),
    )


def test_recalibration_without_clips_is_refused_and_changes_nothing(model):
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(RunError, match="no clips"):
        recalibrate(model, [])
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_deep_copy_is_independent_and_equal(model):
    twin = copy.deepcopy(model)
    x = clips(model.network)
    model.eval(), twin.eval()
    assert torch.equal(model(x), twin(x))
    with torch.no_grad():
        twin.get_parameter("head.classifier.classifier.bias").add_(1)
    torch.testing.assert_close(twin(x), model(x) + 1)


def test_replaced_parameters_are_the_ones_used(model):
    x = clips(model.network)
    model.eval()
    changed = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    assert not torch.func.functional_call(model, changed, (x,)).any()
    assert model.double()(x.double()).dtype == torch.float64


@pytest.mark.parametrize("seeds", [range(4), pytest.param(range(4, 12), marks=pytest.mark.nightly)], ids=str)
def test_a_model_on_the_meta_device_costs_what_the_closed_form_says(small_blueprint, draw, seeds):
    for seed in seeds:
        for step in (1, 2, None):
            network = small_blueprint.network(draw(small_blueprint.space, seed), step)
            with torch.device("meta"), torch.no_grad():
                model = Model(network)
                with FlopCounterMode(display=False) as counter:
                    model(torch.empty(1, 3, network.frames, network.size, network.size))
            assert all(tensor.is_meta for tensor in model.state_dict().values())
            assert counter.get_total_flops() == 2 * model.cost.macs
            assert sum(p.numel() for p in model.parameters()) == model.cost.params


def test_a_model_materialised_from_meta_takes_weights(model):
    with torch.device("meta"):
        twin = Model(model.network)
    twin.to_empty(device="cpu").load_state_dict(model.state_dict())
    x = clips(model.network)
    assert torch.equal(twin.eval()(x), model.eval()(x))


def test_torch_export_gives_the_same_scores_for_any_batch(model):
    model.eval()
    batch = torch.export.Dim("batch", min=1, max=8)
    program = torch.export.export(model, (clips(model.network, 2),), dynamic_shapes=({0: batch},))
    x = clips(model.network, 3, seed=4)
    torch.testing.assert_close(program.module()(x), model(x))


def test_autocast_runs_and_stays_close(model):
    x = clips(model.network)
    model.eval()
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(x)
    assert scores.dtype == torch.bfloat16
    torch.testing.assert_close(scores.float(), model(x), atol=0.05, rtol=0.1)


def test_printing_names_layers_with_their_sizes(model):
    text = str(model)
    assert "(stage1): Part" in text
    assert "(project): Linear(weight 24x" in text
    assert "depthwise" in text


def test_streams_may_be_named_like_module_methods(small_space, draw):
    text = json.dumps(small_space.to_dict()).replace("dense", "train").replace("sparse", "forward")
    space = strictly(type(small_space), json.loads(text))
    model = Model(Blueprint(space).network(draw(space, 0)), seed=0)
    assert model.train().training
    assert model(clips(model.network)).shape == (2, 5)
    assert any(name.startswith("train.stage1") for name in model.state_dict())


def test_values_are_freed_after_their_last_use(model, monkeypatch):
    import weakref

    from tsdsl.lowering import run as module

    seen: list[weakref.ref] = []

    def watch(node, inputs):
        value = merged(node, inputs)
        seen.append(weakref.ref(value))
        if node.kind == "classifier":
            assert sum(ref() is not None for ref in seen) <= 6
        return value

    monkeypatch.setattr(module, "merged", watch)
    with torch.no_grad():
        model.eval()(clips(model.network))
    assert len(seen) > 8
