"""One-line descriptions of keywords and attributes, for hover and completion."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tsdsl.operators.fusion import MERGE
from tsdsl.operators.schema import Attribute, Operator

KEYWORDS: Mapping[str, str] = MappingProxyType(
    {
        "tsspace": "the version of the language; a file starts with `tsspace 1`",
        "space": "a search space",
        "domain": "a named set of values; each use is a separate decision",
        "import": "imports the spaces and declarations of another file",
        "shared": "one decision for all uses of its name",
        "fix": "sets decisions of the base to one value",
        "free": "gives decisions of the base other values",
        "require": "a constraint on every architecture, such as `require flops <= 2.5 GFLOPs`",
        "block": "a name for an operator with some of its attributes",
        "stream": "one pathway of the network, with its own frames",
        "stage": "a numbered list of groups",
        "group": "consecutive blocks, which share their decisions unless `each` has its own",
        "each": "every block of the group has decisions of its own",
        "fusion": "features that one stream receives from another after selected groups",
        "attention": "attention operators after selected groups of streams",
        "head": "pooling, concatenation of the streams, classifier",
        "step": "one step of the progressive search, with its budget",
        "model": "scales an architecture for training",
        "from": "derives from another space or model",
        "and": "both rules must hold",
        "or": "at least one of the rules must hold",
        "implies": "where the left rule holds, the right one must hold too",
        "by": "the step of a range, which must reach its end exactly",
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
COSTS: Mapping[str, str] = MappingProxyType({"flops": "multiply-adds of one clip", "params": "trainable parameters"})
FUNCTIONS: Mapping[str, str] = MappingProxyType({"min": "the smallest of the sums", "max": "the largest of the sums"})
NOTHING: Mapping[str, str] = MappingProxyType({"fusion": "no fusion", "attention": "no attention"})
ATTRIBUTES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "space": {"classes": "number of classes", "size": "side of the input in pixels"},
        "derived space": {"without": "removed parts of the base: streams, `fusion`, `attention`"},
        "stream": {"frames": "frames of each clip that the stream sees"},
        "fusion": {
            "after": "selectors of the groups after which features are fused",
            "op": "the operator, or a choice of them and `none`",
            "merge": MERGE.doc,
        },
        "attention": {
            "after": "selectors of the groups with attention slots",
            "op": "the operator, or a choice of them and `none`",
        },
        "step": {
            "search": "selectors of the parts that the step decides",
            "target": "budget in multiply-adds, such as `1.4 GFLOPs`",
            "epochs": "epochs of the step",
        },
        "model": {
            "size": "side of the input in pixels",
            "frames": "the largest `frames` of the streams; the others scale in proportion",
            "depth": "factor on the written repeats",
            "width": "factor on the channels",
            "without": "selectors of removed parts",
        },
    }
)


def attribute_line(attribute: Attribute) -> str:
    """The accepted values of an attribute: `odd integer from 1 to 31; required`."""
    if attribute.kind == "keyword":
        accepted = " or ".join(f"`{keyword}`" for keyword in attribute.keywords)
    else:
        kind = {"integer": "integer", "number": "number", "kernel": "kernel t x h x w, each"}[attribute.kind]
        accepted = f"{'odd ' if attribute.odd else ''}{kind} from {attribute.minimum:g} to {attribute.maximum:g}"
    if attribute.default is not None:
        accepted += f"; default `{attribute.default}`"
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
