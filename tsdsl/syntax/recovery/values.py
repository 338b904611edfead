"""Likely mistakes in values: choices, ranges, kernels, units, lists, calls, repeats, comparisons."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tsdsl.syntax.recovery.match import Found
from tsdsl.syntax.recovery.mistake import Mistake
from tsdsl.syntax.recovery.units import attached_unit, meant_numbers, meant_units, share

_TIMES = "(?:STAR|NAME/[xX]/|BAD/\N{MULTIPLICATION SIGN}/)"
_RANGE = "a range is written `8 .. 24 by 8`"


def _with_commas(found: Found, _: frozenset[str]) -> Sequence[str]:
    """A comma in each gap between values that has none."""
    written = ""
    previous = None
    for token in found.tokens[found.begin : found.end]:
        if previous is not None:
            touches = previous.end_pos == token.start_pos
            is_gap = not touches and "COMMA" not in (previous.type, token.type) and previous.type not in ("LSQB", "DOT")
            written += "," * is_gap + found.text[previous.end_pos : token.start_pos]
        written += token.value
        previous = token
    return (written,)


def _increasing(found: Found, _: frozenset[str]) -> Sequence[str]:
    low, high = found.parts["low"], found.parts["high"].lstrip("-\N{EN DASH}")
    return (f"{low} .. {high}",) if len(low) < 10 > len(high) and float(low) < float(high) else ()


def _colons(found: Found, _: frozenset[str]) -> Sequence[str]:
    parts = found.parts
    return (f"{parts['low']} .. {parts['high']}" + (f" by {parts['step']}" if "step" in parts else ""),)


def _called_range(found: Found, _: frozenset[str]) -> Sequence[str]:
    """Python's `range(8, 32, 8)` ends before its end."""
    parts = found.parts
    numbers = [parts["low"], parts["high"], parts.get("step", "1")]
    if not all(number.isdigit() and len(number) < 10 for number in numbers):
        return ()
    low, high, step = map(int, numbers)
    last = high - 1 - (high - 1 - low) % step if step and high > low else 0
    return (f"{low} .. {last} by {step}",) if last > low else ()


def _unit(found: Found, _: frozenset[str]) -> Sequence[str]:
    return meant_units(found.found, found.tokens[: found.begin])


def _numbers(found: Found, _: frozenset[str]) -> Sequence[str]:
    return meant_numbers(found.found)


def _attached(found: Found, _: frozenset[str]) -> Sequence[str]:
    return attached_unit(found.found, found.tokens[: found.begin])


def _share(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (share(found.parts["number"]),)


def _in_braces(found: Found, _: frozenset[str]) -> Sequence[str]:
    items = [item.strip() for item in found.found[1:-1].split(",")]
    if len(set(items)) == 1:
        return (items[0],)
    return (f"{{{', '.join(dict.fromkeys(items))}}}" if len(set(items)) < len(items) else f"{{{found.found[1:-1]}}}",)


def _repeated(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (f"* {found.found.lstrip('xX').lstrip(' ') if found.found[0] in 'xX' else found.found[1:].strip()}",)


def _swapped_comparison(found: Found, _: frozenset[str]) -> Sequence[str]:
    sign = "".join(sorted(found.found.replace(" ", ""), key="<>!=".index))
    return (sign,) if sign in ("<=", ">=", "==") else ("==",) if set(sign) == {"="} else ()


VALUES: tuple[Mistake, ...] = (
    Mistake(
        "kernel = (1, 3, 3)",
        "kernel = 1x3x3",
        "NAME/kernel/ EQUAL (?:LBRACE|LBRACE (?:INNER)+ COMMA)? "
        "<(?:LSQB|LPAR) {a=NUMBER} COMMA {b=NUMBER} COMMA {c=NUMBER} (?:RSQB|RPAR)>",
        "a kernel size is written frames x rows x columns, without blanks",
        "{a}x{b}x{c}",
        label="not a kernel size",
    ),
    Mistake(
        "kernel = 3*3*3",
        "kernel = 3x3x3",
        "NAME/kernel/ EQUAL (?:LBRACE|LBRACE (?:INNER)+ COMMA)? "
        f"<{{a=NUMBER}} {_TIMES} {{b=NUMBER}} {_TIMES} {{c=NUMBER}}>",
        "a kernel size is written frames x rows x columns, without blanks",
        "{a}x{b}x{c}",
        label="not a kernel size",
    ),
    Mistake(
        "search = [slow, fast]",
        "search = slow, fast",
        "(?:NAME/search|after|without/ EQUAL|ATTENTION) "
        "<(?:LSQB|LPAR|LBRACE) {inner=~PATHS} (?:~COMMA)? (?:~RSQB|~RPAR|~RBRACE)>",
        "a list of parts is written without brackets",
        "{inner}",
    ),
    Mistake(
        "channels = range(32, 49, 8)",
        "channels = 32 .. 48 by 8",
        "<NAME/range|arange|xrange/ LPAR {low=NUMBER} COMMA {high=NUMBER} (?:COMMA {step=NUMBER})? RPAR>",
        "`range(...)` is not supported",
        _called_range,
        remedy="suggested",
        label="not a value",
    ),
    Mistake(
        "channels = linspace(32, 48, 3)",
        "channels = 32 .. 48 by 8",
        "<NAME/range|arange|xrange|linspace/ LPAR BALANCED RPAR>",
        "`{found}` is not supported",
        help=_RANGE,
        remedy="none",
        label="not a value",
    ),
    Mistake(
        "channels = 32:48:8",
        "channels = 32 .. 48 by 8",
        "<{low=NUMBER} BAD/:/ {high=NUMBER} (?:BAD/:/ {step=NUMBER})?>",
        "`:` does not make a range",
        _colons,
        remedy="suggested",
        label="not a range",
    ),
    Mistake(
        "channels = 32 ... 48 by 8",
        "channels = 32 .. 48 by 8",
        "RANGE <(?:&DOT|&RANGE|&EQUAL|&COMPARISON/</)+>",
        "a range is written with two dots",
        "",
        label="not expected here",
        help=_RANGE,
    ),
    Mistake(
        "channels = 32 .. 48 step 8",
        "channels = 32 .. 48 by 8",
        "RANGE NUMBER <(?:STEP|NAME/step|every|in|per|with/|BAD/:/) (?:EQUAL)?> NUMBER (?:~ANY)?",
        "the step of a range follows `by`, got `{found}`",
        "by",
        label="not `by`",
    ),
    Mistake(
        "channels = 32 to 48 by 8",
        "channels = 32 .. 48 by 8",
        "NUMBER <NAME/to|until|through|upto/> NUMBER",
        "a range is written with two dots",
        "..",
        label="not a range",
        help=_RANGE,
    ),
    Mistake(
        "channels = 32-48 by 8",
        "channels = 32 .. 48 by 8",
        "(?:EQUAL|LBRACE|COMMA|LSQB) <{low=NUMBER} {high=(?:SIGNED|BAD/\N{EN DASH}/ NUMBER)}>",
        "a range is written with two dots",
        _increasing,
        label="not a range",
    ),
    Mistake(
        "search = slow + fast",
        "search = slow, fast",
        "(?:NAME/search|after|without/ EQUAL|ATTENTION) PATH (?:COMMA PATH)* <(?:PLUS|BAD/[&|;]+/|NAME/and/)> WORD",
        "expected `,`, got `{found}`",
        ",",
    ),
    # Arithmetic on values: when the language has it, this entry goes.
    Mistake(
        "channels = 2 * 4",
        "channels = 8",
        "(?:EQUAL|COMMA|LBRACE|RANGE|BY) <SUM>",
        "arithmetic on values is not supported",
        help="write the result, such as `32`, or a choice of results, such as `{16, 32}`; only `require` can calculate",
        remedy="none",
        label="not a value",
    ),
    Mistake(
        "channels = [48, 64]",
        "channels = {48, 64}",
        "<(?:LSQB ~INNER BALANCED ~RSQB|LPAR ~INNER BALANCED ~RPAR)>",
        "put several values in braces",
        _in_braces,
        expects="LBRACE NUMBER KERNEL",
        label="other brackets",
    ),
    Mistake(
        "mb(t = 1, 3, k = 3)",
        "mb(t = {1, 3}, k = 3)",
        "EQUAL <{inner=(?:NUMBER (?:COMMA NUMBER)+|KERNEL (?:COMMA KERNEL)+"
        "|NAME (?:COMMA NAME(?!EQUAL|LPAR|DOT|LSQB))+)}>",
        "put several values in braces",
        "{{inner}}",
        expects="RPAR",
        label="no braces",
    ),
    Mistake(
        "op = {none, glore(nodes = 8, se(ratio = 1)}",
        "op = {none, glore(nodes = 8), se(ratio = 1)}",
        "<(?:SCALAR|UNIT|RBRACE|RPAR)> COMMA NAME LPAR",
        "expected `)`, got `,`",
        "{found})",
        label="a parenthesis is missing after this",
    ),
    Mistake(
        "mb(channels = {8, 16)",
        "mb(channels = {8, 16})",
        "<(?:RPAR|RSQB)> (?:~COMMA|~CLOSE)",
        "a choice must end with `}`, got `{found}`",
        "}",
        expects="COMMA RBRACE",
        excludes="NAME",
        label="another bracket",
    ),
    Mistake(
        "mb(channels = {8, 16, stride = 2)",
        "mb(channels = {8, 16}, stride = 2)",
        "<(?:SCALAR|UNIT)> COMMA NAME EQUAL",
        "expected `}`, got `,`",
        "{found}}",
        label="a brace is missing after this",
    ),
    Mistake(
        "group conv3d kernel = 1x3x3, channels = 8",
        "group conv3d(kernel = 1x3x3, channels = 8)",
        "<{operator=NAME} {arguments=NAME EQUAL (?:(?!STAR|GROUP)INNER|OPEN (?:INNER)*+ CLOSE)+}>",
        "the attributes of an operator need parentheses",
        "{operator}({arguments})",
        label="no parentheses",
        expects="LPAR",
        excludes="COMMA",
    ),
    Mistake(
        "op = {none, glore[nodes = 8]}",
        "op = {none, glore(nodes = 8)}",
        "<{operator=NAME} (?:LSQB|LBRACE) {arguments=~NAME EQUAL BALANCED} (?:~RSQB|~RBRACE)>",
        "the attributes of an operator need parentheses",
        "{operator}({arguments})",
        label="other brackets",
    ),
    Mistake(
        "group 3 * mb(channels = 8)",
        "group mb(channels = 8) * 3",
        "GROUP <{count=NUMBER} (?:STAR|NAME/[xX]/) {call=NAME LPAR BALANCED ~RPAR}>",
        "the repeat count follows the operator",
        "{call} * {count}",
        help="write `* {count}` behind it",
        remedy="suggested",
    ),
    Mistake(
        "group mb(channels = 8) x3",
        "group mb(channels = 8) * 3",
        "RPAR <(?:NAME/[xX]/ NUMBER|NAME/[xX][0-9]+/|BAD/\N{MULTIPLICATION SIGN}/ NUMBER)>",
        "a repeat count is written `* 3`",
        _repeated,
        label="not a repeat count",
    ),
    # Repeat counts as decisions: when the language has them, this entry goes.
    Mistake(
        "group mb(channels = 8) * {1, 2}",
        "group mb(channels = 8) * 2",
        "RPAR STAR <(?:(?!GROUP|STAGE)INNER|LBRACE (?:~INNER)*+ ~RBRACE|LPAR (?:~INNER)*+ ~RPAR)+>",
        "a repeat count must be one number, got `{found}`",
        "1",
        help="repeat counts cannot be searched; models scale them with `depth`",
        remedy="none",
        label="not a number",
    ),
    Mistake(
        "group mb(8, stride = 2)",
        "group mb(channels = 8, stride = 2)",
        "(?:LPAR|COMMA) <(?:NUMBER|SIGNED|KERNEL|FACTOR|STRING)> (?:COMMA|RPAR)",
        "expected `name = value`, got `{found}`",
        help="operators take named attributes, such as `channels = 8`",
        remedy="none",
        expects="RPAR NAME",
        excludes="NUMBER",
    ),
    Mistake(
        "dropout = .25",
        "dropout = 0.25",
        "<DOT {digits=&NUMBER}>",
        "a number must begin with a digit",
        "0.{digits}",
        expects="NUMBER",
        label="no digit before the point",
    ),
    Mistake(
        "dropout = 1.",
        "dropout = 1",
        "<{number=NUMBER} &DOT>(?!&NUMBER|&DOT|&BAD)",
        "a number must end with a digit",
        "{number}",
        label="no digit after the point",
    ),
    Mistake(
        "dropout = 25%",
        "dropout = 0.25",
        "<{number=NUMBER} BAD/%/>",
        "a share is written as a number, got `{found}`",
        _share,
        label="not a number",
    ),
    Mistake(
        "target = 60 MFlops",
        "target = 60 MFLOPs",
        "NUMBER <NAME> (?!EQUAL)~ANY",
        "unknown unit `{found}`",
        _unit,
        help="did you mean `{written}`?",
        label="unknown unit",
    ),
    Mistake(
        "target = 60MFLOPs",
        "target = 60 MFLOPs",
        "<(?:NUMBER &DOT)? BAD/[0-9].*[A-Za-z]/>",
        "expected a blank between a number and its unit, got `{found}`",
        _attached,
        label="no blank",
    ),
    Mistake(
        "kernel = 3x3",
        "kernel = 1x3x3",
        "<(?:NUMBER &DOT)? BAD/[0-9].*/>",
        "`{found}` is not a number",
        _numbers,
        label="not a number",
    ),
    Mistake(
        "target = 20 ms",
        "target = 60 MFLOPs",
        "(?:NAME/target/ EQUAL|COMPARISON) <NUMBER {unit=NAME}> (?!EQUAL)~ANY",
        "unknown unit `{unit}`",
        help="cost is counted in FLOPs, such as `60 MFLOPs`; the units are K, M, G and T",
        remedy="none",
        label="unknown unit",
    ),
    Mistake(
        "frames = 16 fps",
        "frames = 16",
        "NUMBER <NAME> (?!EQUAL|LPAR|NUMBER|LBRACE|DOT|LSQB|STRING)~ANY",
        "unknown unit `{found}`",
        "",
        remedy="suggested",
        label="unknown unit",
    ),
    Mistake(
        "size = 56px",
        "size = 56",
        "<BAD/[0-9]+(\\.[0-9]+)?[A-Za-z]+/>",
        "`{found}` is not a number",
        lambda found, _: (found.found.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),),
        help="sizes are numbers of pixels and frames, without a unit",
        remedy="suggested",
        label="not a number",
    ),
    Mistake(
        "require slow.k =< 3",
        "require slow.k <= 3",
        "<(?:EQUAL|COMPARISON) (?:(?:&EQUAL|&COMPARISON))*+>",
        "expected a comparison, got `{found}`",
        _swapped_comparison,
        expects="COMPARISON",
        label="not a comparison",
    ),
    Mistake(
        "require slow.k === 3",
        "require slow.k == 3",
        "<COMPARISON/==|!=/ &EQUAL>",
        "expected a comparison, got `{found}`",
        lambda found, _: (found.found[:2],),
        label="not a comparison",
    ),
    Mistake(
        "require slow.k <> 3",
        "require slow.k != 3",
        "<COMPARISON/</ &COMPARISON/>/>",
        "expected a comparison, got `<>`",
        "!=",
        label="not a comparison",
    ),
    Mistake(
        "require if slow.k == 3 then slow.t == 1",
        "require slow.k == 3",
        "REQUIRE <{word=NAME/if|when|not|unless/} (?:INNER|LSQB (?:INNER)*+ RSQB)*>",
        "`{word}` is not supported in `require`",
        help="write one comparison, such as `require slow.stage[1].group[1].t <= 3`",
        remedy="none",
        label="not a comparison",
    ),
    Mistake(
        "require slow.k == 3 and slow.t == 1",
        "require slow.k == 3 require slow.t == 1",
        "COMPARISON (?:INNER|LSQB (?:INNER)*+ RSQB)+? <(?:NAME/and/|BAD/&&/)>",
        "a `require` has one comparison",
        "require",
        help="write a second `require`",
    ),
    Mistake(
        "require slow.k == 3 or slow.t == 1",
        "require slow.k == 3",
        "COMPARISON (?:INNER|LSQB (?:INNER)*+ RSQB)+? <(?:(?:NAME/or|xor|implies/|BAD/[|]+/|COMPARISON)) "
        "(?:INNER|LSQB (?:INNER)*+ RSQB)*>",
        "a `require` has one comparison",
        help="write one comparison in each `require`; all of them must hold",
        remedy="none",
    ),
    Mistake(
        "require flops / 2 <= 20 MFLOPs",
        "require flops <= 40 MFLOPs",
        r"<BAD/\x2f/>",
        "division is not supported",
        help="multiply the other side instead",
        remedy="none",
        expects="COMPARISON",
    ),
    Mistake(
        "after = stage(1)",
        "after = stage[1]",
        "<{word=STAGE|GROUP} (?:LPAR)? {number=NUMBER (?:RANGE NUMBER)?} (?:RPAR)?>",
        "numbers of a selector need brackets",
        "{word}[{number}]",
        expects="LSQB",
        label="no brackets",
    ),
    Mistake(
        "after = stage.1",
        "after = stage[1]",
        "<{word=STAGE|GROUP} &DOT {number=&NUMBER}>",
        "numbers of a selector need brackets",
        "{word}[{number}]",
        label="no brackets",
    ),
    Mistake(
        "after = stage[0:1]",
        "after = stage[0..1]",
        "LSQB NUMBER <(?:BAD/:/|MINUS|NAME/to/)> NUMBER",
        "a range of numbers is written `0..1`",
        "..",
    ),
    Mistake(
        "after = stage[all]",
        "after = stage[*]",
        "(?:STAGE|GROUP) &LSQB <NAME/all|any/> RSQB",
        "all numbers are written `*`",
        "*",
    ),
    Mistake(
        "after = stage[]",
        "after = stage[*]",
        "<{word=STAGE|GROUP} &LSQB RSQB>",
        "expected a number or `*` in the brackets",
        "{word}[*]",
        remedy="suggested",
    ),
    Mistake(
        "after = stage[-1]",
        "after = stage[1]",
        "(?:STAGE|GROUP) &LSQB <SIGNED>",
        "stages and groups are selected by their own numbers, got `{found}`",
        help="for example `stage[2]`",
        remedy="none",
        label="not a number of a stage or group",
    ),
    Mistake(
        "fix slow/stage[1].k = 3",
        "fix slow.stage[1].k = 3",
        r"<PATH (?:(?:BAD/\x2f|::/|ARROW) PATH)+>",
        "the parts of a selector are joined by `.`",
        lambda found, _: (re.sub(r"\s*(?:/|::|->)\s*", ".", found.found),),
        expects="DOT",
        remedy="suggested",
    ),
    Mistake(
        "search = slow fast",
        "search = slow, fast",
        "(?:EQUAL|COMMA|ATTENTION|LBRACE) <PATH (?:(?:COMMA)? PATH(?!EQUAL))+> ~ANY",
        "expected `,` between the parts of a list",
        _with_commas,
        label="a comma is missing",
    ),
    Mistake(
        "channels = {48 | 64}",
        "channels = {48, 64}",
        "LBRACE <SCALAR (?:(?:COMMA|BAD/[;|&]+/) SCALAR)+>",
        "the values of a choice are separated by commas",
        lambda found, _: (re.sub(r"\s*[;|&,]+\s*", ", ", found.found),),
    ),
    Mistake(
        "op = none | glore",
        "op = {none, glore}",
        "EQUAL <SCALAR (?:(?:BAD/[|]+/|NAME/or/) SCALAR)+>",
        "put several values in braces",
        lambda found, _: ("{" + re.sub(r"\s*(?:[|]+|\bor\b)\s*", ", ", found.found) + "}",),
        label="no braces",
    ),
    Mistake(
        "channels = {48 64}",
        "channels = {48, 64}",
        "(?:LBRACE|COMMA) <SCALAR (?:(?:COMMA)? SCALAR(?!EQUAL))+> ~ANY",
        "expected `,` between the values of a choice",
        _with_commas,
        label="a comma is missing",
    ),
)
