"""Likely mistakes of one sign: `=`, commas and brackets that are missing, others, or too many."""

from __future__ import annotations

import re

from tsdsl.syntax.recovery.mistake import Mistake

GAPS: tuple[Mistake, ...] = (
    Mistake(
        "classes := 10",
        "classes = 10",
        "WORD <(?:BAD/:/ (?:&EQUAL)?|PLUS &EQUAL|ARROW|EQUAL &COMPARISON/>/|COMPARISON/==|<=|>=/"
        "|NAME/to|is|as|be|of|in|equals/)>",
        "expected `=`, got `{found}`",
        " =",
        excludes="COMMA",
    ),
    Mistake(
        "classes = = 10",
        "classes = 10",
        "EQUAL <(?:EQUAL|COMPARISON/>/)+>",
        "expected a value, got `{found}`",
        "",
    ),
    Mistake(
        "channels = {8,, 16}",
        "channels = {8, 16}",
        "COMMA <(?:~COMMA)+>",
        "expected a value, got `,`",
        "",
    ),
    Mistake(
        "size = 56,",
        "size = 56",
        "<COMMA> (?:~RBRACE|~NAME EQUAL|~KEYWORD (?:NAME|NUMBER|LBRACE|STRING))",
        "attributes of a block are not separated by commas",
        "",
    ),
    Mistake(
        "classes = 10;",
        "classes = 10",
        "<BAD/;+/>",
        "`{found}` is not needed",
        "",
    ),
    Mistake(
        "frames =\nstage 0 {",
        "frames = 4\nstage 0 {",
        "<(?:EQUAL|COMMA|PLUS|MINUS|STAR|COMPARISON|DOT)> (?:^ITEM (?:NAME|NUMBER|LBRACE|STRING)|^NAME EQUAL)",
        "expected {after}, got the end of the line",
        remedy="none",
        label="something is missing after this",
    ),
    Mistake(
        "classes 10",
        "classes = 10",
        "<{name=NAME}> (?:NUMBER|SIGNED|KERNEL|FACTOR|STRING|LBRACE(?!NAME EQUAL)"
        "|PATH(?!COMPARISON|EQUAL|NAME|LBRACE))",
        "expected `=` after `{name}`",
        "{name} =",
        help="attributes are written `name = value`",
        label="`=` is missing after this",
    ),
    Mistake(
        "domain few = {1, 3 stage",
        "domain few = {1, 3} stage",
        "<(?:SCALAR|UNIT)> (?:~KEYWORD|~NAME EQUAL)",
        "expected `}`, got `{got}`",
        "{found}}",
        expects="RBRACE COMMA",
        excludes="NAME",
        label="a brace is missing after this",
    ),
    Mistake(
        "head(features = 64, dropout = 0.25)",
        "head { features = 64  dropout = 0.25 }",
        "(?:HEAD|MODEL NAME|STEP NUMBER|STEP NUMBER STRING) <(?:LSQB|LPAR) ~NAME EQUAL BALANCED (?:~RSQB|~RPAR)>",
        "the attributes of a block need braces",
        lambda found, _: (" {" + re.sub(r",\s*(?=\w+\s*=)", "  ", found.found[1:-1]) + "}",),
        label="other brackets",
    ),
    Mistake(
        "stage 0 [ group",
        "stage 0 { group",
        "(?:STAGE NUMBER|STREAM NAME|HEAD|STEP NUMBER|STEP NUMBER STRING|MODEL NAME|SPACE NAME|FUSION NAME ARROW NAME"
        "|ATTENTION PATHS) <(?:LSQB|LPAR)> (?:~NAME EQUAL|~KEYWORD)",
        "expected `{`, got `{found}`",
        "{",
        remedy="suggested",
    ),
    Mistake(
        "group mb(channels = 8) ]",
        "group mb(channels = 8) }",
        "<(?:RSQB|RPAR)>(?!CLOSE)",
        "expected `}`, got `{found}`",
        "}",
        remedy="suggested",
        expects="RBRACE",
        excludes="NUMBER COMMA",
    ),
    Mistake(
        "mb(channels = 8 }",
        "mb(channels = 8) }",
        "<ANY> (?:~RBRACE|~RSQB|~ITEM|STAR NUMBER (?:~RBRACE|~GROUP))",
        "expected `)`, got `{got}`",
        "{found})",
        expects="RPAR",
        label="a parenthesis is missing after this",
    ),
    Mistake(
        "stage[0, op",
        "stage[0], op",
        "<ANY> ~ANY",
        "expected `]`, got `{got}`",
        "{found}]",
        expects="RSQB",
        label="a bracket is missing after this",
    ),
    Mistake(
        "stream slow\nframes = 4",
        "stream slow {\nframes = 4",
        "<ANY> (?:~KEYWORD|~NAME EQUAL)",
        "expected `{`, got `{got}`",
        "{found} {",
        expects="LBRACE",
        excludes="NUMBER",
        label="a brace is missing after this",
    ),
    *(
        Mistake(
            f"dropout = 0.25\n{wrong}",
            f"dropout = 0.25\n{closers}\n{wrong}",
            "<ANY> ^ITEM",
            "expected `}` before `{got}`",
            f"{{found}}\n{closers}",
            expects="RBRACE",
            label="a closing `}` is missing after this",
        )
        for wrong, closers in (("stage 1 {", "}"), ("stream fast {", "}\n}"))
    ),
    Mistake(
        "classes = 10 $",
        "classes = 10",
        "BAD",
        "unknown character `{found}`",
        "",
        remedy="suggested",
    ),
)
