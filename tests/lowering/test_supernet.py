"""Supernets: shared sizes, slices, both ways to train, extraction, and absent parts."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from tsdsl.check.check import check
from tsdsl.errors import UsageError
from tsdsl.lowering import Model, Supernet, extract, recalibrate
from tsdsl.lowering.slices import add, ranges, take
from tsdsl.network.layout import Blueprint
from tsdsl.operators.layers import Centre, ChannelSegment, Width
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture
from tsdsl.space.parts import Decision, DecisionRef, Head

STEPS = (1, 2, 3, None)


@pytest.fixture
def supernet(small_blueprint):
    supernet = Supernet(small_blueprint, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in supernet.named_parameters():
            if "norm" in name:
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)
    return supernet


def clips(network, batch=2):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(batch, 3, network.frames, network.size, network.size, generator=generator)


def gradients(module):
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def test_segments_become_ranges_and_neighbours_join():
    axis = Width((ChannelSegment(4), ChannelSegment(0, 4), ChannelSegment(3, 8), ChannelSegment(2, 11)))
    assert ranges(axis, 16) == ((0, 4), (8, 5))
    assert ranges(Centre(3), 5) == ((1, 3),)


def test_taking_and_adding_a_region_agree_with_indexing():
    shared = torch.arange(6 * 7 * 5.0).reshape(6, 7, 5)
    region = (((0, 2), (4, 1)), ((1, 2), (5, 2)), ((1, 3),))
    picked = shared[[0, 1, 4]][:, [1, 2, 5, 6]][:, :, 1:4]
    assert torch.equal(take(shared, region), picked)
    target = torch.zeros_like(shared)
    add(target, region, picked, 2.0)
    assert torch.equal(take(target, region), 2 * picked)
    assert target.sum() == 2 * picked.sum()


def test_taking_a_region_is_contiguous():
    shared = torch.zeros(4, 4)
    assert take(shared, (((0, 4),), ((0, 2),))).is_contiguous()


def test_every_architectures_slices_lie_inside_the_shared_weights(supernet, draw):
    space = supernet.blueprint.space
    for seed in range(60):
        for step in STEPS:
            layout = supernet.layout(draw(space, seed), step)
            for name, region in layout.regions.items():
                for parts, size in zip(region, supernet.placed[name].shape, strict=True):
                    ends = [start + length for start, length in parts]
                    assert all(start >= 0 and length > 0 for start, length in parts)
                    assert ends[-1] <= size, name
                    assert all(end <= start for end, (start, _) in zip(ends, parts[1:], strict=False)), name


def test_some_architecture_uses_the_last_element_of_every_shared_axis(supernet, draw):
    space = supernet.blueprint.space
    reached: dict[tuple[str, int], int] = {}
    for seed in range(400):
        for name, region in supernet.layout(draw(space, seed)).regions.items():
            for axis, parts in enumerate(region):
                end = parts[-1][0] + parts[-1][1]
                reached[name, axis] = max(reached.get((name, axis), 0), end)
    for name, parameter in supernet.named_parameters():
        for axis, size in enumerate(parameter.shape):
            assert reached[name, axis] == size, (name, axis)


@pytest.mark.parametrize("step", STEPS)
def test_supernet_scores_equal_the_extracted_models(supernet, draw, step):
    for seed in range(6):
        decisions = draw(supernet.blueprint.space, seed)
        model = extract(supernet, decisions, step)
        x = clips(model.network)
        assert torch.equal(supernet(x, decisions, step), model(x))


def test_dropout_is_that_of_the_sampled_architecture(small_blueprint):
    space = small_blueprint.space
    head = Head(attributes={**space.head.attributes, "dropout": DecisionRef(decision="head.dropout")})
    decisions = (*space.decisions, Decision(path="head.dropout", values=(0.0, 0.5)))
    supernet = Supernet(Blueprint(replace(space, head=head, decisions=decisions)), seed=0)
    chosen = {d.path: d.values[0] for d in space.decisions}
    for dropout in (0.0, 0.5):
        torch.manual_seed(0)
        one = chosen | {"head.dropout": dropout}
        model = extract(supernet, one)
        x = clips(model.network)
        for scores in (supernet(x, one), model.train()(x)):
            assert torch.equal(scores, supernet(x, one)) == (dropout == 0)


def test_an_extracted_model_recalibrated_on_a_batch_repeats_its_scores(supernet, draw):
    decisions = draw(supernet.blueprint.space, 1)
    model = extract(supernet, decisions)
    x = clips(model.network, 16)
    recalibrate(model, [x])
    expected = supernet(x, decisions)
    torch.testing.assert_close(model.eval()(x), expected, atol=0.05, rtol=0.05)


def test_extracted_weights_are_copies(supernet, draw):
    decisions = draw(supernet.blueprint.space, 1)
    before = copy.deepcopy(supernet.state_dict())
    model = extract(supernet, decisions)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


@pytest.mark.parametrize("step", STEPS)
def test_leaves_give_the_gradients_of_autograd_slices_to_the_bit(supernet, draw, step):
    decisions = draw(supernet.blueprint.space, 4)
    x = clips(supernet.layout(decisions, step).network)
    supernet(x, decisions, step).square().sum().backward()
    sliced = gradients(supernet)
    supernet.zero_grad(set_to_none=True)
    leaves = supernet.leaves(decisions, step)
    supernet.run(x, leaves).square().sum().backward()
    supernet.accumulate(leaves)
    compact = gradients(supernet)
    assert sliced.keys() == compact.keys()
    assert all(torch.equal(sliced[name], compact[name]) for name in sliced)


def test_leaves_train_like_the_static_twin(supernet, draw):
    decisions = draw(supernet.blueprint.space, 4)
    model = extract(supernet, decisions)
    leaves = supernet.leaves(decisions)
    x = clips(model.network)
    supernet.run(x, leaves).square().sum().backward()
    model(x).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert torch.equal(leaves[name].grad, parameter.grad), name
        assert leaves[name].grad.shape == parameter.shape


def test_accumulating_adds_weighted_gradients_of_several_samples(supernet, draw):
    space = supernet.blueprint.space
    expected: dict[str, torch.Tensor] = {}
    for seed, weight in ((0, 0.25), (1, 0.75)):
        decisions = draw(space, seed)
        x = clips(supernet.layout(decisions).network)
        supernet.zero_grad(set_to_none=True)
        (weight * supernet(x, decisions).square().sum()).backward()
        for name, gradient in gradients(supernet).items():
            expected[name] = expected.get(name, 0) + gradient
    supernet.zero_grad(set_to_none=True)
    for seed, weight in ((0, 0.25), (1, 0.75)):
        leaves = supernet.leaves(draw(space, seed))
        supernet.run(clips(leaves.layout.network), leaves).square().sum().backward()
        supernet.accumulate(leaves, weight)
    found = gradients(supernet)
    assert found.keys() == expected.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name], atol=1e-4, rtol=1e-3)


def test_absent_parts_get_no_gradient_and_are_not_computed(supernet, draw):
    decisions = draw(supernet.blueprint.space, 0)
    leaves = supernet.leaves(decisions, 1)
    x = clips(leaves.layout.network)
    assert x.shape[2] == 2
    supernet.run(x, leaves).sum().backward()
    supernet.accumulate(leaves)
    touched = {name for name, p in supernet.named_parameters() if p.grad is not None}
    assert touched == set(leaves)
    assert not any(name.startswith(("dense", "fusion", "attention", "head.dense")) for name in touched)


def test_the_same_architecture_reads_the_same_weights_in_every_step(supernet, draw):
    decisions = draw(supernet.blueprint.space, 0)
    early, late = supernet.leaves(decisions, 1), supernet.leaves(decisions)
    name = "sparse.stage0.group1.block0.conv.weight"
    assert torch.equal(early[name], late[name])


def test_running_statistics_are_neither_kept_nor_used(supernet, draw):
    decisions = draw(supernet.blueprint.space, 0)
    x = clips(supernet.layout(decisions).network)
    assert not list(supernet.buffers())
    assert torch.equal(supernet.train()(x, decisions), supernet.eval()(x, decisions))


def test_calls_leave_no_state_about_the_architecture(supernet, draw):
    space = supernet.blueprint.space
    first, second = draw(space, 0), draw(space, 1)
    x = clips(supernet.layout(first).network)
    before = supernet(x, first)
    supernet(x, second)
    assert torch.equal(supernet(x, first), before)


def test_remembered_layouts_are_bounded_and_the_last_used_stays(supernet, draw):
    space = supernet.blueprint.space
    kept = draw(space, 0)
    first = supernet.layout(kept)
    for seed in range(1, 80):
        supernet.layout(draw(space, seed))
        assert supernet.layout(dict(kept)) is first
    assert len(supernet._layouts) == 64


def test_an_architecture_brings_its_step_along(supernet, draw):
    space = supernet.blueprint.space
    decisions = draw(space, 0)
    architecture = Architecture(space="small", fingerprint=space.fingerprint, decisions=decisions, step=1)
    assert supernet.layout(architecture).network.frames == 2
    assert supernet.layout(architecture, 2).network.frames == 4


def test_an_architecture_of_another_space_is_refused(supernet, draw):
    foreign = Architecture(space="other", fingerprint="0" * 16, decisions=draw(supernet.blueprint.space, 0))
    with pytest.raises(UsageError, match="belongs to space other"):
        supernet(torch.zeros(1, 3, 4, 16, 16), foreign)


def test_a_missing_decision_is_named(supernet, draw):
    decisions = draw(supernet.blueprint.space, 0)
    del decisions["sparse.stage1.group1.t"]
    with pytest.raises(UsageError, match=r"sparse\.stage1\.group1\.t is missing"):
        supernet.leaves(decisions)


def test_a_value_outside_the_choices_is_named(supernet, draw):
    decisions = {**draw(supernet.blueprint.space, 0), "sparse.stage1.group1.t": 7}
    with pytest.raises(UsageError, match=r"sparse\.stage1\.group1\.t = 7 is not one of its choices"):
        supernet.leaves(decisions)


def test_a_plain_training_loop_lowers_the_loss(draw, small_space):
    supernet = Supernet(Blueprint(small_space), seed=0)
    optimiser = torch.optim.SGD(supernet.parameters(), lr=0.05)
    decisions = draw(small_space, 0)
    x, labels = clips(supernet.layout(decisions).network, 8), torch.arange(8) % 5
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(supernet(x, decisions), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_extraction_keeps_the_precision(small_space, draw):
    supernet = Supernet(Blueprint(small_space), seed=0).double()
    model = extract(supernet, draw(small_space, 0))
    assert isinstance(model, Model)
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float64}
    assert model.get_submodule("sparse.stage0.group1.block0.norm").running_var.eq(1).all()


def test_a_step_has_weights_of_its_own_where_a_later_fusion_makes_them_needless():
    """The fusion widens the input to the bottleneck's 8 channels, so that only step 1 needs a projection."""
    slow = "stage 0 { group conv3d(kernel = 1x3x3, channels = 4)  group bottleneck3d(t = 1, channels = {8}) }"
    fast = "stage 0 { group conv3d(kernel = {1x3x3, 3x3x3}, channels = 4) }"
    streams = f"stream slow {{ frames = 2  {slow} }}  stream fast {{ frames = 2  {fast} }}"
    fusion = "fusion fast -> slow { after = stage[0]  op = time_strided_sample }"
    head = "head { features = 8  dropout = 0 }"
    steps = 'step 1 "slow" { search = slow }  step 2 "both" { search = fast, fusion }'
    text = f"tsspace 1 space s {{ classes = 3  size = 8  {streams}  {fusion}  {head}  {steps} }}"
    supernet = Supernet(Blueprint(check(SourceFile("steps", text)).spaces[0].space), seed=0)
    clips_BCTHW = torch.rand(2, 3, 2, 8, 8)
    one = {"fast.stage0.group1.kernel": "1x3x3"}
    without, whole = (supernet.leaves(one, step) for step in (1, 2))
    assert {name for name in without if "shortcut" in name} - set(whole)
    assert supernet.parameter_kinds().keys() == dict(supernet.named_parameters()).keys() >= without.keys()
    for step in (1, 2):
        model = extract(supernet, one, step).train()
        assert torch.equal(supernet(clips_BCTHW, one, step), model(clips_BCTHW))
