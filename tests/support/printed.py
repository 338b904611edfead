"""Syntax trees as text, plainly laid out: each item on a line of its own."""

from __future__ import annotations

from decimal import Decimal

from tsdsl.syntax import ast


def printed(file: ast.File) -> str:
    """A file as text that parses to the same tree."""
    parts = [f"tsspace {_number(file.version)}"] if file.version is not None else []
    parts += [f'import "{statement.path.value}"' for statement in file.imports]
    parts += [_item(item, "") for item in file.declarations]
    return "\n".join([*parts, *(_space(space) for space in file.spaces)]) + "\n"


def _space(space: ast.Space) -> str:
    lines = "\n".join(_item(item, "  ") for item in space.items)
    base = f" from {space.base.text}" if space.base is not None else ""
    return f"space {space.name.text}{base} {{\n{lines}\n}}"


def _item(item: ast.Item, indent: str) -> str:
    match item:
        case ast.Attribute():
            return indent + attribute(item)
        case ast.Domain(name=name, value=value):
            return f"{indent}domain {name.text} = {expression(value)}"
        case ast.Shared(name=name, value=value):
            return f"{indent}shared {name.text} = {expression(value)}"
        case ast.Override(kind=kind, selector=selector, value=value):
            return f"{indent}{kind} {expression(selector)} = {expression(value)}"
        case ast.Require(rule=rule):
            return f"{indent}require {_rule(rule)}"
        case ast.BlockAlias(name=name, call=call):
            return f"{indent}block {name.text} = {expression(call)}"
        case ast.Stream():
            lines = [f"{indent}  {attribute(a)}" for a in item.attributes]
            for stage in item.stages:
                lines.append(f"{indent}  stage {_number(stage.index)} {{")
                lines += [f"{indent}    {group(g)}" for g in stage.groups]
                lines.append(f"{indent}  }}")
            return "\n".join([f"{indent}stream {item.name.text} {{", *lines, f"{indent}}}"])
        case ast.Fusion():
            return _block(indent, f"fusion {item.source.text} -> {item.target.text}", item.attributes)
        case ast.Attention():
            return _block(indent, f"attention {', '.join(name.text for name in item.streams)}", item.attributes)
        case ast.Head():
            return _block(indent, "head", item.attributes)
        case ast.Step():
            title = f' "{item.title.value}"' if item.title is not None else ""
            return _block(indent, f"step {_number(item.index)}{title}", item.attributes)
        case ast.Model():
            base = f" from {item.base.text}" if item.base is not None else ""
            return _block(indent, f"model {item.name.text}{base}", item.attributes)
        case _:
            raise TypeError(f"{type(item).__name__} is not printed")


def _rule(item: ast.Rule) -> str:
    if isinstance(item, ast.Comparison):
        return f"{_sum(item.left)} {item.relation} {_sum(item.right)}"
    return f" {item.word} ".join(f"({_rule(p)})" if isinstance(p, ast.Junction) else _rule(p) for p in item.parts)


def _sum(item: ast.Sum) -> str:
    signed = [("- " if p.sign < 0 else "+ ") + " * ".join(map(_operand, p.factors)) for p in item.products]
    return " ".join(signed).removeprefix("+ ")


def _operand(item: ast.Operand) -> str:
    if isinstance(item, ast.Extreme):
        return f"{item.name.text}({', '.join(map(_sum, item.arguments))})"
    return f"({_sum(item)})" if isinstance(item, ast.Sum) else expression(item)


def _block(indent: str, head: str, attributes: tuple[ast.Attribute, ...]) -> str:
    return "\n".join([f"{indent}{head} {{", *(f"{indent}  {attribute(a)}" for a in attributes), f"{indent}}}"])


def group(item: ast.Group) -> str:
    """A group with its depth."""
    repeat = f" * {expression(item.repeat)}" if item.repeat is not None else ""
    each = " each" if item.is_each else ""
    if isinstance(item.call, ast.Call):
        return f"group {expression(item.call)}{repeat}{each}"
    common = f"({', '.join(map(attribute, item.call.arguments))})" if item.call.arguments else ""
    return f"group {expression(item.call.choice)}{common}{repeat}{each}"


def attribute(item: ast.Attribute) -> str:
    """`name = value`."""
    return f"{item.name.text} = {expression(item.value)}"


def expression(item: ast.Expression) -> str:
    """A value."""
    match item:
        case ast.Number():
            return _number(item)
        case ast.KernelSize(text=text):
            return text
        case ast.Factor(value=value):
            return f"{_decimal(value)}x"
        case ast.Text(value=value):
            return f'"{value}"'
        case ast.Quantity(value=value, unit=unit):
            return f"{_decimal(value)} {unit}"
        case ast.Range(low=low, high=high, step=step):
            return f"{_number(low)} .. {_number(high)}" + (f" by {_number(step)}" if step is not None else "")
        case ast.Choice(items=items):
            return "{" + ", ".join(map(expression, items)) + "}"
        case ast.Scaled(factors=factors):
            return " * ".join(map(expression, factors))
        case ast.Sequence(items=items):
            return ", ".join(map(expression, items))
        case ast.Call(name=name, arguments=arguments):
            return f"{name.text}({', '.join(map(attribute, arguments))})"
        case ast.Selector(segments=segments):
            return ".".join(map(_segment, segments))
        case _:
            raise TypeError(f"{type(item).__name__} is not printed")


def _segment(segment: ast.Segment) -> str:
    if segment.indices is None:
        return segment.word.text
    if not segment.indices:
        return f"{segment.word.text}[*]"
    ranges = [_number(a) if a.value == b.value else f"{_number(a)}..{_number(b)}" for a, b in segment.indices]
    return f"{segment.word.text}[{', '.join(ranges)}]"


def _number(number: ast.Number) -> str:
    return _decimal(number.value)


def _decimal(value: Decimal) -> str:
    return format(value, "f")
