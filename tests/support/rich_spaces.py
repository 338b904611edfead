"""Texts of small random spaces in which everything that the language can search is searched somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

SIZES = ("13", "17")


def rich_text(draw: Random, most_architectures: int) -> str:
    """A text of two streams without errors, of about `most_architectures` or fewer.

    Shared decisions, and attributes of operators that are not picked, make the number differ from the bound.
    """
    return _Writer(draw, most_architectures).space()


class _Writer:
    """Draws parts of a text; `left` is by how much further choices may still multiply the architectures."""

    def __init__(self, draw: Random, left: int) -> None:
        self.draw, self.left = draw, left
        self.declared: dict[str, str] = {}

    def is_drawn(self, share: float) -> bool:
        return self.draw.random() < share

    def choice(self, *values: str) -> str:
        """One of the values, or two or three of them in braces."""
        number = self.draw.choice([1, 1, 1, 2, 2, 3])
        picked = self.draw.sample(values, min(number, len(values)))
        if len(picked) == 1 or self.left < len(picked):
            return picked[0]
        self.left //= len(picked)
        return "{" + ", ".join(picked) + "}"

    def some(self, share: float, name: str, *values: str) -> str:
        """An optional attribute, behind a comma."""
        return f", {name} = {self.choice(*values)}" if self.is_drawn(share) else ""

    def shared(self, name: str, *values: str) -> str:
        """The name of a shared decision, which is declared where it is used first."""
        if name not in self.declared:
            if self.left < 2:
                return values[0].strip("{}").split(",")[0]
            self.left //= 2
            self.declared[name] = f"shared {name} = {self.draw.choice(values)}"
        return name

    def domain(self) -> str:
        if self.left < 2:
            return "3"
        self.left //= 2
        self.declared["taps"] = "domain taps = {1, 3}"
        return "taps"

    def channels(self) -> str:
        if self.is_drawn(0.6):
            return self.choice("8", "12", "16", "20")
        width = self.shared("width", "{8, 16}", "{8, 12, 16}")
        return (
            width if width.isdigit() else self.draw.choice([width, width, "0.75 * width", "width * 2", "1.3 * width"])
        )

    def taps(self) -> str:
        return self.domain() if self.is_drawn(0.15) else self.choice("1", "3")

    def strides(self, has_frames: bool) -> str:
        """The strides of a group whose sizes no fusion reads."""
        spatial = self.some(0.35, "stride", "1", "2")
        return spatial + (self.some(0.25, "frame_stride", "1", "2") if has_frames else "")

    def mbconv3d(self) -> str:
        found = f"t = {self.taps()}, k = {self.choice('3', '5')}, expansion = {self.choice('1.5', '2', '2.5')}"
        found += self.some(0.3, "act", "relu", "hswish", "swish", "none")
        if self.is_drawn(0.5):
            found += f", se = {self.choice('none', 'all', 'alternate')}" + self.some(0.6, "se_ratio", "0.2", "0.9")
        found += self.some(0.2, "expand_from", "input", "output")
        return found + self.some(0.3, "shortcut", "identity", "projection", "bare_projection")

    def attributes(self, operator: str) -> str:
        """What is written for an operator, without its channels and strides."""
        k = self.choice("3", "5")
        match operator:
            case "mbconv3d":
                return self.mbconv3d()
            case "conv3d":
                return f"kernel = {self.choice('1x3x3', '3x3x3', '3x1x1')}" + self.some(0.3, "act", "relu", "hswish")
            case "conv2plus1d":
                return f"t = {self.taps()}, k = {k}" + self.some(0.5, "ratio", "0.5", "1")
            case "bottleneck3d":
                place = self.draw.choice(["", ", temporal = joint", ", temporal = factorised"])
                return f"t = {self.taps()}, k = {k}{place}" + self.some(0.5, "ratio", "0.5", "1")
            case "basic3d":
                return f"t = {self.taps()}, k = {k}{self.draw.choice(['', ', temporal = factorised'])}"
            case "x3d_stem":
                return f"t = {self.taps()}, k = {k}"
            case _:
                return f"kernel = {self.choice('1x3x3', '3x3x3')}"

    def depth(self, *, may_be_absent: bool) -> str:
        """` * N` or a choice of it, or nothing."""
        if self.left < 3 or self.is_drawn(0.4):
            return self.draw.choice(["", " * 1", " * 2"])
        self.left //= 2
        if self.is_drawn(0.15):
            return f" * {self.shared('depth', '1 .. 2', '{1, 3}')}"
        return self.draw.choice([" * 1 .. 2", " * {1, 3}", *([" * 0 .. 1", " * 0 .. 2"] if may_be_absent else [])])

    def group(self, *, may_stride: bool) -> str:
        """A group of one operator or several, of a searched depth or not, with `each` or without."""
        kinds = ["mbconv3d", "mbconv3d", "conv3d", "conv2plus1d", "bottleneck3d", "basic3d", "x3d_stem", "max_pool3d"]
        is_each = self.left > 8 and self.is_drawn(0.25)
        if is_each:
            self.left //= 2  # the choices of each block
        if self.left < 2 or self.is_drawn(0.5):
            kind = self.draw.choice(kinds)
            found = self.attributes(kind)
            found += f", channels = {self.channels()}" if kind != "max_pool3d" else ""
            found += self.strides(kind not in ("mbconv3d", "x3d_stem")) if may_stride else ""
            depth = self.depth(may_be_absent=True)
            return f"group {kind}({found}){depth}" + (" each" if is_each and depth else "")
        return self.alternatives(list(dict.fromkeys(kinds)), is_each, may_stride)

    def alternatives(self, kinds: Sequence[str], is_each: bool, may_stride: bool) -> str:
        picked = self.draw.sample(kinds, self.draw.choice([1, 2, 2]))
        has_none = len(picked) == 1 or self.is_drawn(0.4)
        self.left //= len(picked) + has_none
        inner = [f"{kind}({self.attributes(kind)}{self._own_strides(kind, may_stride)})" for kind in picked]
        if has_none:
            inner.insert(self.draw.choice([0, len(inner)]), "none")
        depth = self.depth(may_be_absent=not has_none)
        widths = "" if picked == ["max_pool3d"] else f"channels = {self.channels()}"
        return f"group {{{', '.join(inner)}}}({widths}){depth}" + (" each" if is_each and depth else "")

    def _own_strides(self, kind: str, may_stride: bool) -> str:
        return self.strides(kind not in ("mbconv3d", "x3d_stem")) if may_stride and self.is_drawn(0.3) else ""

    def fusion(self) -> str:
        """What a fusion slot holds and how it joins."""
        convolution = f"kernel = {self.choice('3x1x1', '5x1x1')}" + self.some(0.6, "ratio", "1", "1.5", "2")
        sent, merge = [f"time_strided_conv({convolution})"], ""
        if self.is_drawn(0.5):
            merge = f"merge = {self.choice('sum', 'concat')}"
        else:
            sent += self.draw.sample(["time_to_channel", "time_strided_sample"], self.draw.choice([0, 1]))
        return f"op = {self.optional(sent)} {merge}"

    def optional(self, operators: list[str]) -> str:
        """A choice of the operators, mostly with `none`, or one of them."""
        if self.left < 2 or self.is_drawn(0.15):
            return self.draw.choice(operators)
        picked = self.draw.sample(operators, self.draw.randint(1, len(operators)))
        found = ["none", *picked] if len(picked) == 1 or self.is_drawn(0.7) else picked
        self.left //= len(found)
        return "{" + ", ".join(found) + "}"

    def attention(self) -> str:
        """What attention slots hold."""
        if self.is_drawn(0.2):
            return self.shared("reason", "{none, glore(nodes = 4)}", "{se, none}")
        glore = f"glore(nodes = {self.choice('4', '8')}{self.some(0.3, 'normalize', 'no', 'yes')})"
        pooled = f"nonlocal(ratio = {self.choice('0.5', '1')}, pool = {self.choice('1', '2')})"
        excited = f"se(ratio = {self.choice('0.1', '0.5')})" if self.is_drawn(0.5) else "se"
        return self.optional(self.draw.sample([glore, pooled, excited], 2))

    def head(self) -> str:
        dropout = f"dropout = {self.choice('0', '0.5')}"
        if self.is_drawn(0.3):
            return f"head {{ kind = pooled  {dropout} }}"
        return f"head {{ features = {self.choice('8', '16')}  expansion = {self.choice('1', '2.25')}  {dropout} }}"

    def space(self) -> str:
        """The whole text; its parts are drawn in any order, so that each has choices in some texts."""
        is_fused_twice = self.is_drawn(0.25)
        down = self.shared("down", "{1, 2}", "{2, 3}") if self.is_drawn(0.5) else "2"
        writers = {
            "stem": lambda: f"kernel = {self.choice('1x3x3', '3x3x3')}, channels = {self.choice('8', '12')}",
            "second": lambda: self.group(may_stride=not is_fused_twice),
            "third": lambda: self.group(may_stride=True),
            "fast": lambda: f"kernel = {self.choice('1x3x3', '3x3x3')}, channels = {self.choice('4', '6')}",
            "faster": lambda: self.some(0.4, "frame_stride", "1", "2"),
            "last": lambda: self.group(may_stride=not is_fused_twice),
            "fusion": self.fusion,
            "attention": self.attention,
            "head": self.head,
        }
        names = list(writers)
        self.draw.shuffle(names)
        parts = {name: writers[name]() for name in names}
        declared = "\n  ".join(self.declared.values())
        first = self.draw.choice(["sparse", "sparse", "sparse, shared" if "shared" in declared else "sparse"])
        last = ", head" if parts["head"].count("{") > 1 and self.is_drawn(0.8) else ""
        return f"""tsspace 1
space random {{
  classes = 5
  size    = {self.draw.choice(SIZES)}
  {declared}
  stream sparse {{
    frames = 4
    stage 0 {{
      group conv3d({parts["stem"]}, stride = {down})
      {parts["second"]}
      {parts["third"]}
    }}
  }}
  stream dense {{
    frames = 8
    stage 0 {{
      group conv3d({parts["fast"]}, stride = {down}{parts["faster"]})
      {parts["last"]}
    }}
  }}
  fusion dense -> sparse {{
    after = stage[0].group[{"1..2" if is_fused_twice else "1"}]
    {parts["fusion"]}
  }}
  attention sparse, dense {{
    after = stage[0].group[2]
    op    = {parts["attention"]}
  }}
  {parts["head"]}
  step 1 "one" {{
    search = {first}
  }}
  step 2 "rest" {{
    search = dense, fusion, attention{last}
  }}
}}
"""
