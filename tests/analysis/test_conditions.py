"""Rules with `and`, `or`, `implies`, `min` and `max` allow what they say, computed for each architecture in Python."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

import tsdsl
from support.small_spaces import everything, random_space
from tsdsl.analysis.paths import feasible
from tsdsl.analysis.questions.counting import counts
from tsdsl.analysis.tables import constraints
from tsdsl.analysis.tables.constraints import violated
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.check import check
from tsdsl.network.cost import node_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.parts import AnyOf, Value

Decisions = dict[str, Value]
Costs = dict[str, int]
Rule = tuple[str, Callable[[Decisions, Costs], bool]]
SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def selector(path: str) -> str:
    return re.sub(r"(stage|group|block)([0-9]+)", r"\1[\2]", path)


def costs_of(space: tsdsl.Space, one: Decisions) -> Costs:
    costs = {"sparse.flops": 0, "dense.flops": 0, "head.flops": 0}
    for node in Blueprint(space).network(one).nodes:
        part = f"{node.part.split('.')[0]}.flops"
        if part in costs:
            costs[part] += plain(node_cost(node))[0]
    return costs


class Drawn:
    """Draws rules as text, each with a function that says what it means for one architecture."""

    def __init__(self, space: tsdsl.Space, draw: random.Random) -> None:
        self.draw = draw
        self.decisions = [d for d in space.decisions if isinstance(d.values[0], int | float)]
        self.named = [d for d in space.decisions if isinstance(d.values[0], str) and d.parent is None]

    def number(self, depth: int, is_cost: bool) -> tuple[str, Callable[[Decisions, Costs], float]]:
        """A sum: of costs in thousands of multiply-adds, or of decisions."""
        kind = self.draw.random()
        if depth and kind < 0.35:
            word = self.draw.choice(["min", "max"])
            parts = [self.number(depth - 1, is_cost) for _ in range(self.draw.randint(1, 3))]
            take = min if word == "min" else max
            return f"{word}({', '.join(t for t, _ in parts)})", lambda o, c: take(f(o, c) for _, f in parts)
        if depth and kind < 0.5:
            (left, one), (right, two) = (self.number(depth - 1, is_cost) for _ in range(2))
            return f"({left} - {right})", lambda o, c: one(o, c) - two(o, c)
        if depth and kind < 0.6:
            inner, f = self.number(depth - 1, is_cost)
            factor = self.draw.choice([-1, 2, 0.5])
            return f"{factor} * {inner}", lambda o, c: factor * f(o, c)
        if is_cost:
            name = self.draw.choice(["sparse.flops", "dense.flops", "head.flops"])
            return name, lambda o, c: c[name]
        decision = self.draw.choice(self.decisions)
        return selector(decision.path), lambda o, c: float(o.get(decision.path, 0))

    def comparison(self) -> Rule:
        if self.named and self.draw.random() < 0.25:
            decision, is_equal = self.draw.choice(self.named), self.draw.random() < 0.5
            value = self.draw.choice(decision.values)
            text = f"{selector(decision.path)} {'==' if is_equal else '!='} {value}"
            return text, lambda o, c: (o[decision.path] == value) == is_equal
        is_cost = self.draw.random() < 0.4
        left, one = self.number(2, is_cost)
        sign = self.draw.choice(list(SIGNS))
        bound = self.draw.choice([4, 8, 10, 16])
        if is_cost:
            bound *= 1000
        return f"{left} {sign} {f'{bound} FLOPs' if is_cost else bound}", lambda o, c: SIGNS[sign](one(o, c), bound)

    def rule(self, depth: int) -> Rule:
        word = self.draw.choice(["and", "or", "implies", ""]) if depth else ""
        if not word:
            return self.comparison()
        (left, one), (right, two) = self.rule(depth - 1), self.rule(depth - 1)
        meaning: dict[str, Callable[[bool, bool], bool]] = {
            "and": lambda a, b: a and b,
            "or": lambda a, b: a or b,
            "implies": lambda a, b: not a or b,
        }
        return f"({left}) {word} ({right})", lambda o, c: meaning[word](one(o, c), two(o, c))


@pytest.mark.parametrize(
    ("seed", "is_wide"),
    [(0, False), (1, True), *(pytest.param(seed, seed != 2, marks=pytest.mark.nightly) for seed in (2, 3, 4))],
)
def test_random_rules_allow_what_they_mean(seed: int, is_wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_wide:  # sums along a trellis, not tables
        monkeypatch.setattr(constraints, "LARGEST_ALLOWED_TABLE", 0)
        feasible.uniform.cache_clear()
    base = random_space(3 * seed, 120)
    listed = everything(base)
    costs = [costs_of(base, one) for one in listed]
    draw = random.Random(seed)
    text = space_text(base)
    tried = 0
    while tried < 6:
        rule, meaning = Drawn(base, draw).rule(2)
        checked = check(SourceFile("x", text + f"  require {rule}\n}}\n"))
        errors = [d.message for d in checked.diagnostics if d.severity == "error"]
        if errors and all("constants" in m or "no architecture" in m or "256 comparisons" in m for m in errors):
            continue
        assert errors == [], rule
        tried += 1
        space = checked.spaces[0].space
        assert tsdsl.Space.from_dict(space.to_dict()) == space
        free = FreeSpace(CostTable(Blueprint(space)))
        allowed = [meaning(one, cost) for one, cost in zip(listed, costs, strict=True)]
        assert [not violated(free, one) for one in listed] == allowed, rule
        found = counts(free).totals
        assert found.at_least <= sum(allowed) <= found.at_most, rule
        assert found.is_exact or is_wide


def space_text(space: tsdsl.Space) -> str:
    """The text of a space without its last brace."""
    from tsdsl.space.text import space_lines

    lines = [line for _, line in space_lines(space)]
    return "\n".join(lines[:-1]) + "\n"


SMALL = """tsspace 1
space s {
  classes = 3
  size    = 12
  stream a {
    frames = 2
    stage 0 { group conv3d(kernel = {1x1x1, 1x3x3}, channels = {4, 8, 12}, stride = 2) }
    stage 1 { group mbconv3d(t = {1, 3}, k = {3, 5}, expansion = {1, 4}, channels = {8, 16}) }
  }
  stream b { frames = 2  stage 0 { group conv3d(kernel = 1x1x1, channels = {4, 8}) } }
  step 1 { search = a }
  step 2 { search = b }
  require RULE
}
"""


def rules(rule: str) -> tsdsl.Space:
    checked = check(SourceFile("x", SMALL.replace("RULE", rule)))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return checked.spaces[0].space


def test_a_condition_applies_once_all_parts_that_it_names_are_present() -> None:
    space = rules("b.stage[0].group[1].channels == 4 or a.stage[1].group[1].t == 1")
    for step, share in ((1, 1.0), (2, 0.75)):
        free = FreeSpace(CostTable(Blueprint(space), step))
        size = space.count_architectures(tuple(d.path for d in free.decisions))
        assert counts(free).totals.at_least == share * size


def test_implies_with_a_decision_that_does_not_exist_is_satisfied() -> None:
    text = SMALL.replace("  step 1", "  attention a { after = stage[1]  op = {none, glore(nodes = {4, 8})} }\n  step 1")
    text = text.replace("search = b", "search = b, attention").replace(
        "RULE", "attention.a.stage[1].op.glore.nodes == 8 implies a.stage[1].group[1].channels == 16"
    )
    space = check(SourceFile("x", text)).spaces[0].space
    allowed = counts(FreeSpace(CostTable(Blueprint(space)))).totals.at_least
    assert allowed * 3 == space.cardinality / 3 * (1 + 1 + 0.5) * 3  # none, 4 and, with half of the widths, 8


NESTED = """tsspace 1
space s {{
  classes = 3
  size    = 16
  block mb = mbconv3d(t = {{1, 3}}, k = 3, expansion = 2)
  stream one {{
    frames = 2
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {{8, 16}}, stride = 2)
      group {{mb, conv3d(kernel = 1x1x1), none}}(channels = {{8, 16}}) * 1 .. 2
      group mb(channels = 8) * 0 .. 1
    }}
  }}
  attention one {{ after = stage[0].group[1, 2]  op = {{none, glore(nodes = {{4, 8}}), se}} }}
  require {rule}
}}
space t from s {{ fix {path} = {value} }}
"""
SLOT = "attention.one.stage[0].group[1]"
GLORE = f"{SLOT}.op.glore.nodes"
GROUP = "one.stage[0].group[2]"


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        (f"2 * {GLORE} < 15", GLORE, 8),
        (f"2 * {GLORE} > 3", GLORE, 8),
        (f"{GLORE} <= 4 implies {GROUP}.op == mb", GLORE, 4),
        (f"{GROUP}.channels == one.stage[0].group[1].channels", f"{GROUP}.channels", 16),
        (f"{GROUP}.op.mb.t + one.stage[0].group[3].t >= 4 or {GROUP}.op == none", f"{GROUP}.op.mb.t", 3),
        (f"{GROUP}.op.mb.t + one.stage[0].group[3].t >= 4", "one.stage[0].group[3].t", 1),
        (f"max({GROUP}.repeat, {GROUP}.op.mb.t) <= 1", f"{GROUP}.repeat", 2),
        (
            "attention.one.stage[0].group[1].op != attention.one.stage[0].group[2].op",
            "attention.one.stage[0].group[2].op",
            "se",
        ),
        (
            f"{GROUP}.op == attention.one.stage[0].group[1].op or {GROUP}.repeat == 1",
            "attention.one.stage[0].group[1].op",
            "se",
        ),
    ],
)
def test_a_fixed_setting_counts_where_it_exists_as_the_decision_of_the_base_does(
    rule: str, path: str, value: str | int
) -> None:
    checked = check(SourceFile("x", NESTED.format(rule=rule, path=path, value=value)))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    base, derived = (one.space for one in checked.spaces)
    plain_path = path.replace("[", "").replace("]", "")
    expected = [one for one in everything(base) if one.get(plain_path, value) == value]
    found = everything(derived)
    assert 0 < len(found) == len(expected)
    assert {frozenset(one.items()) for one in found} == {
        frozenset((p, v) for p, v in one.items() if p != plain_path) for one in expected
    }
    assert counts(FreeSpace(CostTable(Blueprint(derived)))).within() == len(expected)


def test_the_order_of_conditions_and_their_text_do_not_change_the_fingerprint() -> None:
    one = rules("a.stage[1].group[1].t == 3 implies a.stage[1].group[1].k == 3")
    other = rules("a.stage[1].group[1].t != 3   or a.stage[1].group[1].k == 3 # the same")
    assert one.fingerprint == other.fingerprint
    assert isinstance(one.requires[0], AnyOf)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("a.stage[0].group[1].channels <= 4 or a.stage[1].group[1].channels <= 16", "TS409"),
        ("max(a.stage[0].group[1].channels, b.stage[0].group[1].channels) <= 12", "TS409"),
        ("a.stage[0].group[1].channels <= 2 or a.stage[1].group[1].channels > 16", "TS408"),
        ("min(a.stage[0].group[1].channels, b.stage[0].group[1].channels) > 8", "TS408"),
    ],
)
def test_rules_that_exclude_nothing_or_everything_are_reported_once(rule: str, code: str) -> None:
    found = check(SourceFile("x", SMALL.replace("RULE", rule))).diagnostics
    assert [d.code for d in found if d.code in ("TS408", "TS409")] == [code]


def test_a_rule_of_which_one_half_excludes_nothing_is_not_idle() -> None:
    rule = "max(a.stage[0].group[1].channels, b.stage[0].group[1].channels) <= 8"
    assert [d.code for d in check(SourceFile("x", SMALL.replace("RULE", rule))).diagnostics] == []


def test_an_architecture_that_does_not_satisfy_two_clauses_of_a_rule_names_it_once() -> None:
    space = rules("max(a.stage[0].group[1].channels, a.stage[1].group[1].channels) <= 8")
    free = FreeSpace(CostTable(Blueprint(space)))
    worst = {d.path: d.values[-1] for d in space.decisions}
    assert len(violated(free, worst)) == 1


def test_a_rule_that_needs_too_many_comparisons_is_refused() -> None:
    both = "(a.stage[0].group[1].channels <= 8 and a.stage[1].group[1].channels <= 8)"
    found = check(SourceFile("x", SMALL.replace("RULE", " or ".join([both] * 9)))).diagnostics
    assert [d.message for d in found] == ["this rule needs more than 256 comparisons"]
    deep = "flops"
    for _ in range(90):
        deep = f"max({deep}, params)"
    assert check(SourceFile("x", SMALL.replace("RULE", f"{deep} == 3 MFLOPs"))).diagnostics


def test_no_architecture_that_is_drawn_breaks_a_condition() -> None:
    space = rules("a.flops <= 60 KFLOPs or (b.flops <= 4 KFLOPs and params >= 17 Kparams)")
    free = FreeSpace(CostTable(Blueprint(space)))
    assert not any(violated(free, one.decisions) for one in tsdsl.Space.of(space).sample(100, seed=1))
