"""Reading tokens: all but space and comments, what is meant in place of what is unknown, a diagnostic for each."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tsdsl.diagnostics import Diagnostic, replacement
from tsdsl.source import SourceFile, Span
from tsdsl.syntax.grammar.lexer import lex
from tsdsl.syntax.grammar.machine import Token
from tsdsl.syntax.recovery.remedies import SIGNS_MEANT, unknown_number, unknown_text
from tsdsl.syntax.recovery.units import attached_unit, meant_units
from tsdsl.syntax.recovery.words import brief

MOST_TOLD = 1000
_NUMBERS = frozenset({"NUMBER", "SIGNED"})
_DECLARING = frozenset({"SPACE", "STREAM", "DOMAIN", "SHARED", "BLOCK", "MODEL", "FROM"})
_QUOTES = "'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_UNQUOTED_PATH = re.compile(r"[ \t]+([^\"\s#][^\"\s#]*)(?=[ \t]*(?:#|\r?\n|$))")
_APOSTROPHES = re.compile(r"'([^'\"\n]*)'")
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EQUAL_FOLLOWS = re.compile(r"[ \t]*=(?!=)")


def meaningful_tokens(source: SourceFile, tokens: Iterable[Token]) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens of a text that the parser reads, of all but space and comments, and what is wrong with some."""
    reader = _Reader(source)
    reader.read(tokens)
    return reader.kept, reader.diagnostics


class _Reader:
    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.kept: list[Token] = []
        self.is_block: list[bool] = []
        self.diagnostics: list[Diagnostic] = []

    def read(self, tokens: Iterable[Token]) -> None:
        bad: list[Token] = []
        comment_end = 0
        for token in tokens:
            if token.start_pos < comment_end:
                continue
            if token.type == "NAME" and self.kept and self.kept[-1].type in _NUMBERS:
                self.kept.append(self.unit(token))
            elif token.type != "BAD":
                self.kept.append(token)
                self.follow_brackets(token)
                if token.type == "IMPORT" and (path := self.unquoted_path(token)) is not None:
                    self.kept.append(path)
                    comment_end = path.end_pos
            else:
                if self.percent(token):
                    continue
                if (text := _APOSTROPHES.match(self.source.text, token.start_pos)) is not None:
                    comment_end = self.quoted(text)
                    continue
                if (end := self.block_comment(token) or self.foreign_name(token)) is not None:
                    comment_end = end
                    continue
                token = self.whole_number(token)
                if (divided := self.divided(token)) is not None:
                    self.kept += divided
                    continue
                if bad and token.value == "/" == bad[-1].value and bad[-1].end_pos == token.start_pos:
                    comment_end = (self.source.text + "\n").index("\n", token.end_pos)
                bad.append(token)
                if (sign := self.meant_sign(token)) is not None:
                    self.kept.append(sign)
                elif token.value[0].isdigit():
                    self.kept.append(token)  # so that what follows is not taken for the value that this is not
                elif token.value.startswith('"'):
                    self.kept.append(token._replace(type="STRING", value=f'{token.value.rstrip()}"'))
        self.report(bad)

    def report(self, bad: Sequence[Token]) -> None:
        """A diagnostic for each run of unknown characters."""
        runs: list[list[Token]] = []
        for token in bad:
            if runs and token.start_pos == runs[-1][-1].end_pos:
                runs[-1].append(token)
            else:
                runs.append([token])
        ends = [token.end_pos for token in self.kept]
        for run in runs:
            span = Span(run[0].start_pos, run[-1].end_pos)
            behind = bisect_right(ends, span.start)
            self.diagnostics.append(_unknown_text(self.source, span, self.kept[max(0, behind - 2) : behind]))
        if len(self.diagnostics) > MOST_TOLD:
            self.diagnostics.sort(key=lambda diagnostic: diagnostic.span.start)
            first = self.diagnostics[MOST_TOLD]
            message = f"more than {MOST_TOLD} characters and units are wrong: the others are not told"
            self.diagnostics[MOST_TOLD:] = [Diagnostic("TS001", message, self.source, first.span)]

    def unit(self, token: Token) -> Token:
        """The unit that a word on the line of a number means, with a diagnostic; any other word itself."""
        text = self.source.text
        units = meant_units(token.value, self.kept) if "\n" not in text[self.kept[-1].end_pos : token.start_pos] else []
        if not units or _EQUAL_FOLLOWS.match(text, token.end_pos):
            return token
        span = Span(token.start_pos, token.end_pos)
        self.diagnostics.append(
            Diagnostic(
                "TS002",
                f"there is no unit `{token.value}`",
                self.source,
                span,
                "unknown unit",
                help=f"did you mean {' or '.join(f'`{unit}`' for unit in units)}?",
                fixes=tuple(replacement(f"change to `{u}`", span, u, safe=len(units) == 1) for u in units),
            )
        )
        return token._replace(type="UNIT", value=units[0])

    def divided(self, token: Token) -> tuple[Token, Token] | None:
        """The number and the unit of `1.4GFLOPs`, with a diagnostic; None of other unknown text."""
        found = attached_unit(token.value)
        units = meant_units(found[1], self.kept) if found is not None else []
        if found is None or not units:
            return None
        number, span = found[0], Span(token.start_pos, token.end_pos)
        written = [f"{number} {unit}" for unit in units]
        fixes = tuple(replacement(f"write `{text}`", span, text, safe=len(units) == 1) for text in written)
        message = f"`{token.value}`: a space stands between a number and its unit"
        help_text = f"write {' or '.join(f'`{text}`' for text in written)}"
        self.diagnostics.append(
            Diagnostic("TS001", brief(message), self.source, span, help=brief(help_text), fixes=fixes)
        )
        middle = token.start_pos + len(number)
        return Token("NUMBER", number, token.start_pos, middle), Token("UNIT", units[0], middle, token.end_pos)

    def follow_brackets(self, token: Token) -> None:
        """Note which brackets are those of blocks; in one, take out a comma that stands before the next attribute."""
        if token.type in ("LBRACE", "LPAR"):
            is_outer = not self.is_block or self.is_block[-1]
            self.is_block.append(is_outer and token.type == "LBRACE" and self.follows_a_header())
        elif token.type in ("RBRACE", "RPAR"):
            if self.is_block:
                self.is_block.pop()
        elif token.type == "EQUAL" and self.is_block and self.is_block[-1] and self.follows_a_comma():
            comma = self.kept.pop(-3)
            span = Span(comma.start_pos, comma.end_pos)
            fix = replacement("remove the comma", span, "", safe=True)
            message = "no comma stands between the attributes of a block"
            self.diagnostics.append(
                Diagnostic("TS002", message, self.source, span, "not expected here", help="remove it", fixes=(fix,))
            )

    def follows_a_header(self) -> bool:
        """Whether the brace that was read last begins a block of attributes; groups stand in those of stages."""
        kinds = [token.type for token in self.kept[-3:-1]]
        return kinds[-1:] not in (["EQUAL"], ["COMMA"], ["LBRACE"]) and kinds not in (
            ["EQUAL", "NAME"],
            ["STAGE", "NUMBER"],
        )

    def follows_a_comma(self) -> bool:
        """Whether the attribute whose `=` was read last stands behind a comma."""
        return [token.type for token in self.kept[-3:-1]] == ["COMMA", "NAME"]

    def quoted(self, found: re.Match[str]) -> int:
        """The end of a text between apostrophes, with a diagnostic."""
        span, written = Span(found.start(), found.end()), f'"{found[1]}"'
        fix = replacement("write double quotes", span, written, safe=True)
        message = "texts stand in double quotes"
        help_text = brief(f"write `{written}`")
        self.diagnostics.append(Diagnostic("TS001", message, self.source, span, help=help_text, fixes=(fix,)))
        self.kept.append(Token("STRING", written, span.start, span.end))
        return span.end

    def percent(self, token: Token) -> bool:
        """Whether it is the sign of a share in percent, which is told and read as a number."""
        number = self.kept[-1] if self.kept else None
        if token.value != "%" or number is None or number.type != "NUMBER" or number.end_pos != token.start_pos:
            return False
        share = Decimal(number.value) / 100
        span = Span(number.start_pos, token.end_pos)
        fix = replacement(f"write `{share}`", span, str(share), safe=True)
        message = f"`{number.value}%`: shares are written as numbers"
        self.diagnostics.append(
            Diagnostic("TS001", brief(message), self.source, span, help=brief(f"write `{share}`"), fixes=(fix,))
        )
        self.kept[-1] = number._replace(value=str(share), end_pos=token.end_pos)
        return True

    def block_comment(self, token: Token) -> int | None:
        """The end of a `/* ... */`, with a diagnostic; None of other text."""
        text, start = self.source.text, token.start_pos
        if not text.startswith("/*", start):
            return None
        end = text.find("*/", start + 2)
        end = len(text) if end < 0 else end + 2
        line_end = text.find("\n", end)
        inner = text[start + 2 : end - 2]
        is_last = "\n" not in inner and not text[end : line_end if line_end >= 0 else len(text)].strip()
        span = Span(start, end if "\n" not in text[start:end] else start + 2)
        fixes = (replacement("write `#`", Span(start, end), f"#{inner.rstrip()}", safe=True),) if is_last else ()
        message = "comments begin with `#` and end with their line"
        self.diagnostics.append(Diagnostic("TS001", message, self.source, span, help="write `#`", fixes=fixes))
        return end

    def foreign_name(self, token: Token) -> int | None:
        """The end of a name with letters that names do not have, read without their marks; None of other text."""
        if not token.value.isalpha():
            return None
        start = token.start_pos
        if self.kept and self.kept[-1].type == "NAME" and self.kept[-1].end_pos == start:
            start = self.kept.pop().start_pos
        found = _WORD.match(self.source.text, start)
        assert found is not None
        plain = unicodedata.normalize("NFKD", found[0]).encode("ascii", "ignore").decode()
        span = Span(start, found.end())
        is_name = _NAME.fullmatch(plain) is not None
        fixes = (replacement(f"change to `{plain}`", span, plain),) if is_name else ()
        message = f"`{found[0][:40]}`: a name has letters from a to z, digits and `_`"
        self.diagnostics.append(Diagnostic("TS001", message, self.source, span, "other letters", fixes=fixes))
        self.kept.append(Token("NAME", plain if is_name else "_", start, found.end()))
        return found.end()

    def unquoted_path(self, statement: Token) -> Token | None:
        """The path of an import that stands in no quotes or in others, with a diagnostic."""
        found = _UNQUOTED_PATH.match(self.source.text, statement.end_pos)
        if found is None:
            return None
        span, written = Span(found.start(1), found.end(1)), f'"{found[1].strip(_QUOTES)}"'
        fix = replacement(f"write `{written}`", span, written, safe=True)
        message = "the path of an import stands in double quotes"
        self.diagnostics.append(
            Diagnostic("TS002", message, self.source, span, help=brief(f"write `{written}`"), fixes=(fix,))
        )
        return Token("STRING", written, span.start, span.end)

    def meant_sign(self, token: Token) -> Token | None:
        """The sign of the language that an unknown one stands for, so that what follows is still read."""
        is_attribute = bool(self.kept) and self.kept[-1].type == "NAME"
        if self.source.text[token.end_pos : token.end_pos + 1] == "=" or (token.value == ":" and not is_attribute):
            return None
        if token.value == ":" and [t.type for t in self.kept[-2:-1]] in (["SPACE"], ["MODEL"]):
            return token._replace(type="FROM", value="from")
        sign = next(lex(SIGNS_MEANT.get(token.value, "").strip()), None)
        return token._replace(type=sign.type, value=sign.value) if sign is not None else None

    def whole_number(self, token: Token) -> Token:
        """Unknown text with the number and the point that are part of it: `0.5MFLOPs`, of which `0` is a number."""
        if not token.value[0].isdigit() or [t.type for t in self.kept[-2:]] != ["NUMBER", "DOT"]:
            return token
        number, point = self.kept[-2:]
        if number.end_pos != point.start_pos or point.end_pos != token.start_pos:
            return token
        del self.kept[-2:]
        return Token("BAD", f"{number.value}.{token.value}", number.start_pos, token.end_pos)


def _unknown_text(source: SourceFile, span: Span, before: Sequence[Token]) -> Diagnostic:
    text = source.text[span.start : span.end]
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:40])
    if text.startswith('"'):
        message, fixes = "a string without its closing quote", unknown_text(text, span)
        return Diagnostic("TS001", message, source, span, "never closed", help='end it with `"`', fixes=fixes)
    last = before[-1].type if before else ""
    if text[0].isdigit() and last in _DECLARING:
        message, help_text = f"`{shown}` is no name", "a name begins with a letter or `_`"
        return Diagnostic("TS001", message, source, span, help=help_text)
    if text[0].isdigit():
        help_text, fixes = unknown_number(text, span)
        return Diagnostic(
            "TS001", f"`{shown}` is neither a number nor a name", source, span, help=brief(help_text), fixes=fixes
        )
    message = f"`{shown}` means nothing here"
    if text == "/":
        return Diagnostic("TS001", message, source, span, help="there is no division: multiply the other side")
    if text == ":" and last in _NUMBERS and before[0].type in ("STEP", "STAGE"):
        fixes = (replacement("remove it", span, "", safe=True),)
        return Diagnostic("TS001", message, source, span, help="remove it", fixes=fixes)
    if text == ":" and last == "NAME" and before[0].type in ("SPACE", "MODEL"):
        fixes = (replacement("write `from`", span, " from", safe=True),)
        return Diagnostic("TS001", message, source, span, help="write `from`", fixes=fixes)
    if text == ":" and last != "NAME":
        help_text = "a range is written `8 .. 24 by 8`" if last in _NUMBERS else "remove it"
        fixes = () if last in _NUMBERS else (replacement("remove it", span, ""),)
        return Diagnostic("TS001", message, source, span, help=help_text, fixes=fixes)
    fixes = unknown_text(text, span)
    return Diagnostic("TS001", message, source, span, help=fixes[0].title, fixes=fixes)
