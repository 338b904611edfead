"""The distribution over architectures against enumeration of a tiny space."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from support.enumeration import every_architecture, random_distribution
from tsdsl.errors import UsageError
from tsdsl.searching.distribution.factorised import Distribution, Variables, step_variables
from tsdsl.space.architecture import Architecture, problems
from tsdsl.space.decided import canonical
from tsdsl.space.model import Space
from tsdsl.space.parts import Decision, Parent

NESTED = Variables(
    (
        Decision(path="slot.op", values=("none", "glore")),
        Decision(path="slot.op.glore.nodes", values=(2, 4, 8), parent=Parent(path="slot.op", value="glore")),
        Decision(path="stem.channels", values=(8, 16)),
    ),
    {},
)


def test_probabilities_of_all_architectures_sum_to_one() -> None:
    distribution = random_distribution(NESTED)
    architectures = every_architecture(NESTED)
    assert len(architectures) == 8
    assert sum(math.exp(distribution.log_probability(a)) for a in architectures) == pytest.approx(1)


def test_entropy_equals_its_definition_with_nested_decisions() -> None:
    distribution = random_distribution(NESTED)
    logs = [distribution.log_probability(a) for a in every_architecture(NESTED)]
    assert distribution.entropy() == pytest.approx(-sum(math.exp(log) * log for log in logs))


def test_entropy_of_the_uniform_distribution_of_a_flat_space_is_the_log_of_its_size(tiny: Space) -> None:
    variables = step_variables(tiny, 1, {})
    assert Distribution.uniform(variables).entropy() == pytest.approx(math.log(16))


def test_most_probable_weighs_an_alternative_with_what_is_nested_under_it() -> None:
    logits = torch.log(torch.tensor([0.4, 0.6, 0.34, 0.33, 0.33, 0.5, 0.5], dtype=torch.float64))
    distribution = Distribution(NESTED, logits)
    # glore alone is likelier than none, but no single glore(nodes) is.
    assert distribution.most_probable()["slot.op"] == "none"
    for seed in range(20):
        distribution = random_distribution(NESTED, seed)
        best = max(every_architecture(NESTED), key=distribution.log_probability)
        assert distribution.most_probable() == best


def test_samples_have_the_right_frequencies_and_nest_only_under_their_parent() -> None:
    distribution = random_distribution(NESTED, 3)
    samples = distribution.sample(4000, torch.Generator().manual_seed(1))
    for architecture in every_architecture(NESTED):
        expected = math.exp(distribution.log_probability(architecture))
        assert samples.count(architecture) / 4000 == pytest.approx(expected, abs=0.03)
    assert all(("slot.op.glore.nodes" in s) == (s["slot.op"] == "glore") for s in samples)


def test_sampling_follows_the_generator_alone() -> None:
    distribution = random_distribution(NESTED)
    first = distribution.sample(5, torch.Generator().manual_seed(7))
    assert first == distribution.sample(5, torch.Generator().manual_seed(7))
    assert first != distribution.sample(5, torch.Generator().manual_seed(8))


def test_score_gradient_equals_that_of_autograd() -> None:
    distribution = random_distribution(NESTED)
    samples = distribution.sample(6, torch.Generator().manual_seed(0))
    coefficients = torch.tensor([0.5, -1.0, 2.0, 0.1, 0.7, -0.2], dtype=torch.float64)
    alpha = distribution.logits.clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for sample, coefficient in zip(samples, coefficients, strict=True):
        for decision in NESTED.decisions:
            if decision.path in sample:
                logs = torch.log_softmax(alpha[NESTED.slices[decision.path]], 0)
                total = total + coefficient * logs[decision.values.index(sample[decision.path])]
    (expected,) = torch.autograd.grad(total, alpha)
    torch.testing.assert_close(distribution.score_gradient(samples, coefficients), expected)


def test_a_nested_decision_learns_nothing_from_samples_without_its_parent() -> None:
    distribution = random_distribution(NESTED)
    samples = [{"slot.op": "none", "stem.channels": 8}, {"slot.op": "none", "stem.channels": 16}]
    gradient = distribution.score_gradient(samples, torch.tensor([1.0, -2.0], dtype=torch.float64))
    assert torch.equal(gradient[NESTED.slices["slot.op.glore.nodes"]], torch.zeros(3, dtype=torch.float64))
    assert gradient[NESTED.slices["slot.op"]].abs().sum() > 0


def test_a_step_decides_its_own_and_keeps_what_was_found(tiny: Space) -> None:
    found = {path: tiny.decision_by_path[path].values[1] for path in tiny.step(1).decisions}
    variables = step_variables(tiny, 2, found)
    assert {d.path for d in variables.decisions} == set(tiny.step(2).decisions)
    assert variables.fixed == found
    sample = Distribution.uniform(variables).sample(1, torch.Generator().manual_seed(0))[0]
    assert {path: sample[path] for path in found} == found


def test_the_joint_variables_are_all_decisions(tiny: Space) -> None:
    variables = step_variables(tiny, None, {})
    assert len(variables.decisions) == len(tiny.decisions)
    assert len(every_architecture(variables)) == tiny.cardinality


def test_a_decision_that_no_step_so_far_makes_stands_at_its_first_value(tiny: Space) -> None:
    first = tiny.step(1)
    narrowed = replace(first, decisions=first.decisions[:1])
    space = replace(tiny, steps=(narrowed, *tiny.steps[1:]))
    variables = step_variables(space, 1, {})
    assert [d.path for d in variables.decisions] == list(first.decisions[:1])
    assert variables.fixed == {path: tiny.decision_by_path[path].values[0] for path in first.decisions[1:]}


def test_a_step_without_decisions_is_refused(tiny: Space) -> None:
    empty = replace(tiny.step(1), decisions=())
    space = replace(tiny, steps=(empty, *tiny.steps[1:]))
    with pytest.raises(UsageError, match="step 1 has nothing to decide"):
        step_variables(space, 1, {})


def test_samples_of_every_step_are_architectures_of_the_space(tiny: Space) -> None:
    for step in (1, 2, 3, None):
        variables = step_variables(tiny, step, {})
        for sample in random_distribution(variables).sample(8, torch.Generator().manual_seed(0)):
            decisions = canonical(tiny, sample, step)
            architecture = Architecture(space=tiny.name, fingerprint=tiny.fingerprint, decisions=decisions, step=step)
            assert problems(tiny, architecture) == []
