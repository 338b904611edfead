"""What the editor says of keywords and attributes: one line each, for hover and completion."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tsdsl.operators.schema import Attribute, Operator

KEYWORDS: Mapping[str, str] = MappingProxyType(
    {
        "tsspace": "the version of the language; a file begins with `tsspace 1`",
        "space": "a search space",
        "domain": "a named set of values; each use is a decision of its own",
        "import": "makes the spaces and declarations of another file known",
        "shared": "one decision, used wherever its name stands",
        "fix": "gives decisions of the base one value",
        "free": "gives decisions of the base another domain",
        "require": "what every architecture of the space must meet, such as `require flops <= 2.5 GFLOPs`",
        "block": "a name for an operator with some of its attributes given",
        "stream": "one pathway of the network, with its own frames",
        "stage": "groups under one number",
        "group": "blocks of one operator in a row, which share their decisions",
        "fusion": "what one stream receives from another, after chosen groups",
        "attention": "what may follow chosen groups of streams",
        "head": "pooling, concatenation of the streams, classifier",
        "step": "one step of the progressive search, with its budget",
        "model": "how a found architecture is scaled for training",
        "from": "begins as another space or model, and says what is different",
        "by": "the step of a range, which must meet its end",
    }
)
SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "->": "from the stream whose features are fused to the one that receives them",
        "..": "from .. to, both ends included",
        "<=": "at most",
        ">=": "at least",
        "<": "less than",
        ">": "more than",
        "==": "equal",
        "!=": "not equal",
        "+": "adds two amounts of the same unit",
        "-": "subtracts an amount of the same unit",
    }
)
UNITS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        **{f"{p}FLOPs": (10**e, "multiply-adds") for p, e in (("", 0), ("K", 3), ("M", 6), ("G", 9), ("T", 12))},
        **{f"{p}params": (10**e, "parameters") for p, e in (("K", 3), ("M", 6), ("G", 9))},
    }
)
COSTS: Mapping[str, str] = MappingProxyType(
    {"flops": "multiply-adds of one clip, as FLOPs are counted here", "params": "trainable parameters"}
)
MERGES: Mapping[str, str] = MappingProxyType(
    {"concat": "appends the channels", "sum": "adds the features; both sides have the same channels"}
)
NOTHING: Mapping[str, str] = MappingProxyType(
    {"fusion": "nothing is received here", "attention": "no attention stands here"}
)
ATTRIBUTES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "space": {"classes": "number of classes", "size": "side of the input in pixels"},
        "derived space": {"without": "parts of the base that are left out: streams, `fusion`, `attention`"},
        "stream": {"frames": "frames of each clip that the stream sees"},
        "fusion": {
            "after": "selectors of the groups after which features are fused",
            "op": "the operator, or a choice of them and `none`",
            "merge": "`concat` appends channels, `sum` adds them",
        },
        "attention": {
            "after": "selectors of the groups after which attention may stand",
            "op": "the operator, or a choice of them and `none`",
        },
        "step": {
            "search": "selectors of what the step decides",
            "target": "budget in multiply-adds, such as `1.4 GFLOPs`",
            "epochs": "epochs of the step",
        },
        "model": {
            "size": "side of the input in pixels",
            "frames": "frames of the stream that sees most; the others keep their share",
            "depth": "factor on the repeats that are written",
            "width": "factor on the channels",
            "without": "selectors of parts that are left out",
        },
    }
)


def attribute_line(attribute: Attribute) -> str:
    """What an attribute accepts: `odd integer from 1 to 31, required`."""
    if attribute.kind == "keyword":
        accepted = " or ".join(f"`{keyword}`" for keyword in attribute.keywords)
    else:
        kind = {"integer": "integer", "number": "number", "kernel": "kernel t x h x w, each"}[attribute.kind]
        accepted = f"{'odd ' if attribute.odd else ''}{kind} from {attribute.minimum:g} to {attribute.maximum:g}"
    if attribute.default is not None:
        accepted += f"; `{attribute.default}` unless given"
    elif not attribute.optional:
        accepted += "; required"
    return accepted + ("" if attribute.searchable else "; no choice")


def operator_text(operator: Operator) -> str:
    """An operator and its attributes, as Markdown."""
    lines = [f"**{operator.name}**: {operator.doc}"]
    if operator.attributes:
        lines.append("")
        lines += [f"- `{a.name}`: {a.doc} ({attribute_line(a)})" for a in operator.attributes]
    return "\n".join(lines)
