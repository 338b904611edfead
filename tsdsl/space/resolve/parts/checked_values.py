"""One literal as the value of an attribute: of its kind, and within its bounds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tsdsl.diagnostics import replacement
from tsdsl.diagnostics.suggest import did_you_mean, renames, similar
from tsdsl.operators.schema import Attribute
from tsdsl.operators.strides import STRIDES
from tsdsl.source import Span
from tsdsl.space.parts import Value
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.literal_types import Kernel, Literal, Word
from tsdsl.space.resolve.parts.literals import shown
from tsdsl.syntax.recovery.words import either

_TRUTHS = {"true": "yes", "on": "yes", "false": "no", "off": "no"}
_LIKELY_SIDES = frozenset(map(Decimal, (1, 3, 5, 7, 9, 11)))
_KINDS = {
    "integer": "an integer",
    "number": "a number",
    "kernel": "a kernel size such as `1x3x3`",
}


def checked_value(context: Context, attribute: Attribute, literal: Literal, span: Span) -> Value | None:
    """One literal as a value of the attribute, or None with a diagnostic."""
    if isinstance(literal, Word) and attribute.kind == "keyword":
        if literal.text in attribute.keywords:
            return literal.text
        plain = literal.text.casefold().replace("_", "")
        said = {**_TRUTHS, **dict(attribute.synonyms)}.get(plain, literal.text)
        near = attribute.keywords if plain not in attribute.unlike else ()
        if plain in dict(attribute.synonyms):
            near = (said,)
        fixes = renames(said, span, near)
        if attribute.unlike and said.casefold() not in attribute.keywords:
            fixes = [replace(fix, applicability="suggested") for fix in fixes]  # it may name something else
        context.report(
            "TS201",
            span,
            f"`{attribute.name}` must be {either(attribute.keywords)}, got `{literal.text}`",
            label="unknown value",
            help=did_you_mean(said, near),
            fixes=fixes,
        )
        return None
    if isinstance(literal, Word):
        known = sorted({*context.domains, *context.shared})
        if context.lacks_declarations and not similar(literal.text, known):
            return None  # it may be the one that could not be read
        context.report(
            "TS101",
            span,
            f"unknown domain `{literal.text}`",
            label="not defined",
            help=did_you_mean(literal.text, known),
            fixes=renames(literal.text, span, known),
        )
        return None
    if isinstance(literal, Kernel) and attribute.kind == "kernel":
        return _checked_kernel(context, attribute, literal, span)
    if isinstance(literal, Decimal) and attribute.kind in ("integer", "number"):
        return _checked_number(context, attribute, literal, span)
    values = _KINDS.get(attribute.kind) or either(attribute.keywords)
    found = "a kernel size" if isinstance(literal, Kernel) else "a number"
    kernels: list[str] = []
    if attribute.kind == "kernel" and isinstance(literal, Decimal) and literal in _LIKELY_SIDES:
        kernels = [f"{frames}x{literal}x{literal}" for frames in dict.fromkeys((1, int(literal)))]
    strides = literal.text.split("x") if isinstance(literal, Kernel) and attribute.name in STRIDES else []
    context.report(
        "TS201",
        span,
        f"`{attribute.name}` must be {values}, got `{shown(getattr(literal, 'text', literal))}`",
        label=found,
        help=f"write {either(f'`{kernel}`' for kernel in kernels)}"
        if kernels
        else f"write `stride = {strides[1]}` for rows and columns, `frame_stride = {strides[0]}` for frames"
        if strides
        else None,
        fixes=[replacement(f"change to {kernel}", span, kernel) for kernel in kernels if written_out(context, span)],
    )
    return None


def _checked_number(context: Context, attribute: Attribute, literal: Decimal, span: Span) -> Value | None:
    if attribute.kind == "integer" and literal != literal.to_integral_value():
        near = sorted({int(literal), int(literal) + 1}, key=lambda whole_number: abs(whole_number - literal))
        context.report(
            "TS201",
            span,
            f"`{attribute.name}` must be an integer, got {shown(literal)}",
            label="not an integer",
            fixes=[
                replacement(f"change to {number}", span, str(number))
                for number in near
                if written_out(context, span) and attribute.minimum <= number <= attribute.maximum
            ],
        )
        return None
    if not attribute.minimum <= literal <= attribute.maximum:
        nearest = attribute.minimum if literal < Decimal(attribute.minimum) else attribute.maximum
        context.report(
            "TS202",
            span,
            f"`{attribute.name}` must be between {attribute.minimum:g} and {attribute.maximum:g}, got {shown(literal)}",
            label="out of range",
            fixes=[replacement(f"change to {nearest:.12g}", span, f"{nearest:.12g}")]
            if written_out(context, span)
            else [],
        )
        return None
    if attribute.odd and int(literal) % 2 == 0:
        odds = [n for n in (int(literal) - 1, int(literal) + 1) if attribute.minimum <= n <= attribute.maximum]
        _even(context, attribute, shown(literal), [str(odd) for odd in odds], span)
        return None
    return int(literal) if attribute.kind == "integer" else float(literal)


def _checked_kernel(context: Context, attribute: Attribute, literal: Kernel, span: Span) -> Value | None:
    parts = literal.text.split("x")
    if any(len(part) > 4 or not attribute.minimum <= int(part) <= attribute.maximum for part in parts):
        context.report(
            "TS202",
            span,
            f"each size of `{attribute.name}` must be between 1 and {attribute.maximum:g}, got {shown(literal.text)}",
            label="out of range",
        )
        return None
    sizes = [int(part) for part in parts]
    if attribute.odd and any(size % 2 == 0 for size in sizes):
        odds = ["x".join(str(size + change * (1 - size % 2)) for size in sizes) for change in (-1, 1)]
        largest = max(sizes) + 1
        _even(context, attribute, literal.text, odds if largest <= attribute.maximum else odds[:1], span)
        return None
    return "x".join(map(str, sizes))


def _even(context: Context, attribute: Attribute, found: str, nearest: list[str], span: Span) -> None:
    context.report(
        "TS205",
        span,
        f"`{attribute.name}` must be odd, got {found}",
        label="even",
        notes=["an even kernel has no center, so it would shift its output and change its size"],
        help=f"use {' or '.join(nearest)}",
        fixes=[replacement(f"change to {odd}", span, odd) for odd in nearest] if written_out(context, span) else [],
    )


def written_out(context: Context, span: Span) -> bool:
    """Whether one value is written there rather than a range that contains it."""
    return ".." not in context.text(span)
