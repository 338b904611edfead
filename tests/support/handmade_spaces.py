"""Small spaces made by hand, and architectures drawn from them."""

from __future__ import annotations

import random
from collections.abc import Callable

from tsdsl.space.decided import canonical
from tsdsl.space.model import Space
from tsdsl.space.parts import (
    Alternative,
    AttentionSlot,
    Decision,
    DecisionRef,
    FusionSlot,
    Group,
    Head,
    Parent,
    Setting,
    Stage,
    Step,
    Stream,
    Value,
)

Draw = Callable[[Space, int], dict[str, Value]]


def group(stream: str, stage: int, index: int, operator: str, repeat: int = 1, **attributes: Setting) -> Group:
    path = f"{stream}.stage{stage}.group{index}"
    return Group(
        path=path,
        stream=stream,
        stage=stage,
        index=index,
        operator=operator,
        attributes=attributes,
        repeat=repeat,
    )


def searched(decisions: list[Decision], path: str, values: tuple[Value, ...], parent: Parent | None = None):
    decisions.append(Decision(path=path, values=values, parent=parent))
    return DecisionRef(decision=path)


def searched_mb(
    decisions: list[Decision],
    stream: str,
    stage: int,
    channels: tuple[int, ...],
    repeat: int = 1,
    stride: int = 1,
    **fixed: Setting,
) -> Group:
    path = f"{stream}.stage{stage}.group1"
    attributes: dict[str, Setting] = {
        "t": searched(decisions, f"{path}.t", (1, 3, 5)),
        "k": searched(decisions, f"{path}.k", (3, 5)),
        "expansion": searched(decisions, f"{path}.expansion", (1.5, 3.0)),
        "channels": searched(decisions, f"{path}.channels", channels),
        "stride": stride,
    }
    return group(stream, stage, 1, "mbconv3d", repeat, **attributes, **fixed)


def fusion_slot(decisions: list[Decision], stage: int, merge: str, source: str, target: str) -> FusionSlot:
    path = f"fusion.{source}.stage{stage}.group1"
    operators = (
        ("none", "time_strided_conv")
        if merge == "sum"
        else ("none", "time_strided_conv", "time_strided_sample", "time_to_channel")
    )
    if source == "sparse":
        operators = ("none",)
    op = searched(decisions, f"{path}.op", operators).decision if len(operators) > 1 else None
    alternatives = []
    for name in operators:
        attributes: dict[str, Setting] = {}
        if name == "time_strided_conv":
            parent = Parent(path=f"{path}.op", value=name)
            attributes = {
                "kernel": searched(decisions, f"{path}.op.{name}.kernel", ("5x1x1", "3x3x3"), parent),
                "ratio": 1.5,
            }
        alternatives.append(Alternative(operator=name, attributes=attributes))
    return FusionSlot(
        path=path,
        source=source,
        target=target,
        stage=stage,
        group=1,
        merge=merge,
        alternatives=tuple(alternatives),
        decision=op,
    )


def attention_slot(decisions: list[Decision], stream: str, stage: int) -> AttentionSlot:
    path = f"attention.{stream}.stage{stage}.group1"
    op = searched(decisions, f"{path}.op", ("none", "glore", "nonlocal", "se")).decision
    nodes = searched(decisions, f"{path}.op.glore.nodes", (4, 6), Parent(path=f"{path}.op", value="glore"))
    return AttentionSlot(
        path=path,
        stream=stream,
        stage=stage,
        group=1,
        alternatives=(
            Alternative(operator="none"),
            Alternative(operator="glore", attributes={"nodes": nodes, "normalize": "yes"}),
            Alternative(operator="nonlocal", attributes={"pool": 2}),
            Alternative(operator="se", attributes={"ratio": 0.25}),
        ),
        decision=op,
    )


def make_space(merge: str = "concat") -> Space:
    """Two streams of 2 and 4 frames with every operator; three steps, and a part no step names last."""
    sparse: list[Decision] = []
    dense: list[Decision] = []
    slots: list[Decision] = []
    streams = (
        Stream(
            name="sparse",
            frames=2,
            stages=(
                Stage(
                    index=0,
                    groups=(group("sparse", 0, 1, "conv3d", kernel="1x3x3", channels=8, stride=2),),
                ),
                Stage(index=1, groups=(searched_mb(sparse, "sparse", 1, (8, 12), 2),)),
                Stage(index=2, groups=(searched_mb(sparse, "sparse", 2, (12, 16), 2, 2),)),
            ),
        ),
        Stream(
            name="dense",
            frames=4,
            stages=(
                Stage(
                    index=0,
                    groups=(group("dense", 0, 1, "conv3d", kernel="3x3x3", channels=4, stride=2),),
                ),
                Stage(
                    index=1,
                    groups=(
                        searched_mb(
                            dense,
                            "dense",
                            1,
                            (4, 6),
                            2,
                            expand_from="output",
                            shortcut="projection",
                            se="alternate",
                            act="swish",
                        ),
                    ),
                ),
                Stage(index=2, groups=(searched_mb(dense, "dense", 2, (6, 8), 1, 2, shortcut="projection"),)),
            ),
        ),
    )
    fusions = tuple(fusion_slot(slots, stage, merge, "dense", "sparse") for stage in (0, 1))
    attentions = tuple(attention_slot(slots, name, 2) for name in ("sparse", "dense"))
    second = [d for d in slots if d.path.startswith("fusion")]
    third = [d for d in slots if d.path.startswith("attention")]

    def paths(decisions: list[Decision]) -> tuple[str, ...]:
        return tuple(decision.path for decision in decisions)

    return Space(
        name="small",
        classes=5,
        size=16,
        streams=streams,
        fusions=fusions,
        attentions=attentions,
        head=Head(attributes={"features": 24, "dropout": 0.0}),
        decisions=(*sparse, *dense, *slots),
        steps=(
            Step(index=1, title="sparse", decisions=paths(sparse), names=("sparse",)),
            Step(
                index=2,
                title="dense",
                decisions=paths([*dense, *second]),
                names=("dense", *(slot.path for slot in fusions)),
            ),
            Step(
                index=3,
                title="attention",
                decisions=paths(third),
                names=tuple(slot.path for slot in attentions),
            ),
        ),
    )


def draw_decisions(space: Space, seed: int) -> dict[str, Value]:
    """A random value for every decision that exists."""
    source = random.Random(seed)
    return canonical(space, {d.path: source.choice(d.values) for d in space.decisions})
