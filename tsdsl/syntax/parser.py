"""Parsing with recovery: any text gives a tree and a list of diagnostics, and nothing is raised.

The machine is driven token by token. On an error the contexts that are open (call, group list, space body, file) are
tried from the inside out: the innermost one that can go on at a later token takes an ERROR in place of what it could
not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tsdsl.diagnostics import Diagnostic, Fix
from tsdsl.source import SourceFile, Span
from tsdsl.syntax import ast
from tsdsl.syntax.build import build_file
from tsdsl.syntax.grammar.lexer import lex_meaning
from tsdsl.syntax.grammar.machine import Machine, Node, Token, Unexpected, table
from tsdsl.syntax.recovery.likely import Guess, Place, guess, looks_misspelt
from tsdsl.syntax.recovery.place import SELECTING
from tsdsl.syntax.recovery.reading import meaningful_tokens
from tsdsl.syntax.recovery.remedies import unclosed, unexpected, virtual
from tsdsl.syntax.recovery.words import brief, expected_words, token_words

# After one of these a value is still to come, so that an item's keyword there begins the next item.
_UNFINISHED = frozenset({"PLUS", "MINUS", "STAR", "COMPARISON", "EQUAL", "COMMA", "DOT", "FIX", "FREE", "REQUIRE"})
_ITEM_KEYWORDS = frozenset(
    [
        "IMPORT",
        "SPACE",
        "DOMAIN",
        "SHARED",
        "BLOCK",
        "STREAM",
        "STAGE",
        "GROUP",
        "FUSION",
        "ATTENTION",
        "HEAD",
        "STEP",
        "MODEL",
        "FIX",
        "FREE",
        "REQUIRE",
    ]
)
_TOLD_APART = frozenset({"REQUIRE", "DOMAIN", "SHARED", "BLOCK"})
_OFTEN_MISPLACED = SELECTING | {"STEP"}
MOST_RECOVERIES = 100
MOST_NESTED = 100
_CLOSERS = {"RBRACE": "LBRACE", "RPAR": "LPAR"}
_OPENERS = {**_CLOSERS, "RSQB": "LSQB"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A syntax tree and what was wrong with the text."""

    file: ast.File
    diagnostics: tuple[Diagnostic, ...]


def parse(source: SourceFile) -> Parsed:
    """The syntax tree of a text, with a diagnostic for each thing that could not be read."""
    return _Driver(source).run()


class _Driver:
    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.parser = Machine(table())
        self.tokens, self.diagnostics = meaningful_tokens(source, lex_meaning(source.text))
        self.position = 0
        self.recoveries = 0
        self.resumed = 0
        self.guesses: set[int] = set()

    def give_up(self, token: Token, message: str) -> None:
        """Stop reading, and say so."""
        self.diagnostics.append(Diagnostic("TS002", message, self.source, Span(token.start_pos, token.end_pos)))
        self.parser = Machine(table())
        self.parser.feed(_virtual("ERROR", "", token.start_pos))

    def run(self) -> Parsed:
        too_deep = self.too_deep()
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token.start_pos >= too_deep:
                self.give_up(
                    token, f"more than {MOST_NESTED} brackets in one another: the rest of the file is not read"
                )
                break
            try:
                if self.begins_an_item_early() or self.is_misspelt():
                    raise Unexpected
                self.parser.feed(token)
                self.position += 1
            except Unexpected:
                if self.recoveries == MOST_RECOVERIES:
                    # Each recovery costs time in the length of what was read, and nobody reads so many.
                    self.give_up(token, f"more than {MOST_RECOVERIES} mistakes: the rest of the file is not read")
                    break
                self.recoveries += 1
                if not self.guessed(token):
                    self.recover(token)
        tree = self.finish()
        file = build_file(tree, len(self.source.text))
        return Parsed(file, tuple(self.diagnostics))

    def begins_an_item_early(self) -> bool:
        """Whether an item begins here on a line of its own although the value before it is unfinished.

        The words of items stand in selectors too, where no name, number or brace follows them.
        """
        token = self.tokens[self.position]
        if self.position in (0, self.resumed) or token.type not in _ITEM_KEYWORDS:
            return False
        if self.position + 2 >= len(self.tokens):
            return False
        before, following, next_but_one = (self.tokens[self.position + offset] for offset in (-1, 1, 2))
        if before.type not in _UNFINISHED or "\n" not in self.source.text[before.end_pos : token.start_pos]:
            return False
        return following.type in ("NAME", "NUMBER", "LBRACE") and next_but_one.type != "EQUAL"

    def is_misspelt(self) -> bool:
        """Whether a name may stand here only as an attribute's, which it is not, and a likely meaning is known."""
        token = self.tokens[self.position]
        if token.type not in _OFTEN_MISPLACED or token.start_pos in self.guesses:
            return False
        place = Place(self.source.text, self.tokens, self.position, frozenset())
        if not looks_misspelt(place):
            return False
        accepted = self.parser.accepts()
        found = guess(replace(place, accepted=frozenset(accepted))) if {token.type, "COMMA"} & accepted else None
        return found is not None and found.tokens is not None and self.stands(found)

    def guessed(self, token: Token) -> bool:
        """Report what was most likely meant and go on as if it stood there; whether that is known."""
        if token.start_pos in self.guesses or self.touches_unknown_text(Span(token.start_pos, token.end_pos)):
            return False
        found = guess(Place(self.source.text, self.tokens, self.position, frozenset(self.parser.accepts())))
        if found is None or (found.tokens is not None and not self.stands(found)):
            return False
        self.guesses.add(token.start_pos)
        message, help_text = brief(found.message), brief(found.help) or None
        self.diagnostics.append(
            Diagnostic("TS002", message, self.source, found.span, found.label, help=help_text, fixes=found.fixes)
        )
        if found.tokens is None:
            self.skip(token)
        else:
            self.tokens[self.position : found.last] = found.tokens
        return True

    def stands(self, found: Guess) -> bool:
        """Whether the tokens of a guess can be read here, and what follows them."""
        trial = self.parser.copy()
        following = self.tokens[found.last : found.last + 1] if found.last - self.position <= 2 else []
        try:
            for token in (*(found.tokens or ()), *following):
                trial.feed(token)
        except Unexpected:
            return False
        return True

    def too_deep(self) -> int:
        """Where the first token inside of more than MOST_NESTED brackets begins; past the end if there is none."""
        depth = 0
        for token in self.tokens:
            if token.type in _CLOSERS.values():
                depth += 1
            elif token.type in _CLOSERS:
                depth = max(0, depth - 1)
            if depth > MOST_NESTED:
                return token.start_pos
        return len(self.source.text) + 1

    def finish(self) -> Node:
        """Feed the end of the file, closing whatever is still open, which is one diagnostic."""
        end = len(self.source.text.rstrip())
        reported = False
        while True:
            try:
                return self.parser.finish()
            except Unexpected:
                accepted = self.parser.accepts()
                if not reported:
                    reported = True
                    self.report_unclosed(end, accepted)
                closer = next((name for name in ("RPAR", "RBRACE") if name in accepted), None)
                if closer is not None:
                    self.parser.feed(_virtual(closer, ")" if closer == "RPAR" else "}", end))
                elif not self.pop_to_error(end):
                    self.parser = Machine(table())

    def report_unclosed(self, end: int, accepted: set[str]) -> None:
        opener = self.unclosed()
        if opener is None:
            at = Span(max(0, end - 1), end)
            found = "the end of the file"
            message = f"expected {expected_words(accepted)}, found {found}"
            self.diagnostics.append(Diagnostic("TS002", message, self.source, at))
            return
        if opener.start_pos == opener.end_pos:
            return  # it was read where it is missing, which has been told
        mark = {"LBRACE": "}", "LPAR": ")"}.get(opener.type, "]")
        self.diagnostics.append(
            Diagnostic(
                "TS003",
                f"the file ends before this `{opener.value}` is closed",
                self.source,
                Span(opener.start_pos, opener.end_pos),
                "never closed",
                help=f"add `{mark}` where it should end",
                fixes=unclosed(mark, end),
            )
        )

    def unclosed(self) -> Token | None:
        """The outermost bracket that is open at the end."""
        stack: list[Token] = []
        for token in self.tokens:
            if token.type in ("LBRACE", "LPAR", "LSQB"):
                stack.append(token)
            elif token.type in _OPENERS:
                while stack and stack.pop().type != _OPENERS[token.type]:
                    pass
        return stack[-1] if stack else None

    def recover(self, token: Token) -> None:
        """Report what is wrong at `token` and go on in the innermost context that can."""
        span = Span(token.start_pos, token.end_pos)
        if not self.touches_unknown_text(span) and self.mended(token, self.report_unexpected(token, span)):
            return
        self.skip(token)

    def skip(self, token: Token) -> None:
        """Go on behind `token` in the innermost context that can, with an ERROR in place of what is not read."""
        lost = self.lost_item()
        contexts = self.contexts(token.start_pos, lost)
        levels = [_open_brackets(context) for context, _ in contexts]
        opened = _open_brackets(self.parser)
        most = len(opened)
        for position in range(self.position, len(self.tokens)):
            candidate = self.tokens[position]
            closes = _OPENERS.get(candidate.type)
            if closes is not None and closes in opened:
                while opened[-1] != closes:
                    opened.pop()  # a bracket that is never closed
            if len(opened) <= most and self.is_sync(position):
                for number, (context, accepted) in enumerate(contexts):
                    if candidate.type in accepted and (closes is None or len(levels[number]) == len(opened)):
                        if lost and any(t.type in _ITEM_KEYWORDS for t in self.tokens[self.position : position]):
                            context = self.contexts(token.start_pos, "")[number][0]
                        self.parser, self.position, self.resumed = context, position, position
                        return
            if candidate.type in _OPENERS.values():
                opened.append(candidate.type)
            elif closes is not None and opened and opened[-1] == closes:
                opened.pop()
        # Nothing to go on at: the rest is lost, and what was read before it is kept.
        whole = next((context for context, accepted in contexts if "$END" in accepted), contexts[-1][0])
        self.parser, self.position = whole, len(self.tokens)

    def touches_unknown_text(self, span: Span) -> bool:
        """Whether unknown characters stand directly before: then this error only follows from them."""
        before = self.tokens[self.position - 1] if self.position else None
        start = before.end_pos if before is not None else 0
        return any(d.code == "TS001" and start <= d.span.start < span.end for d in self.diagnostics)

    def mended(self, token: Token, fixes: Sequence[Fix]) -> bool:
        """Go on as if a sure fix had been made; whether there is one that lets `token` stand."""
        for fix in fixes:
            inserted = virtual(fix)
            trial = self.parser.copy()
            try:
                if inserted is not None:
                    trial.feed(inserted)
                    trial.feed(token)
                elif fix.applicability != "safe" or fix.edits[0].text or fix.edits[0].span.end != token.end_pos:
                    continue
            except Unexpected:
                continue
            self.parser = trial
            self.position += 1
            return True
        return False

    def report_unexpected(self, token: Token, span: Span) -> tuple[Fix, ...]:
        """Report `token`, or the place before it where something is missing; what would mend it."""
        accepted = frozenset(self.parser.accepts())
        before = self.tokens[self.position - 1] if self.position else None
        help_text, fixes = unexpected(before, token, accepted, _ITEM_KEYWORDS)
        message = f"expected {expected_words(accepted)}, found {token_words(token)}"
        label = "not expected here"
        is_missing = _inserts(fixes) or (before is not None and before.type in _UNFINISHED)
        if before is not None and "\n" in self.source.text[before.end_pos : span.start] and is_missing:
            # What is missing stands at the end of an earlier line, where its reader looks for it.
            message = f"expected {expected_words(accepted)}, found the end of the line"
            span, label = Span(max(0, before.end_pos - 1), before.end_pos), "something is missing after this"
        self.diagnostics.append(Diagnostic("TS002", message, self.source, span, label, help=help_text, fixes=fixes))
        return fixes

    def lost_item(self) -> str:
        """What item is being read: `require`, which gives nothing a name, or a declaration; else the empty text."""
        for number in range(self.position - 1, 0, -1):
            kind, before = self.tokens[number].type, self.tokens[number - 1].type
            if kind in _TOLD_APART:
                return kind.lower()
            if kind in ("LBRACE", "RBRACE") or (kind in _ITEM_KEYWORDS and before not in _UNFINISHED):
                break
        return ""

    def contexts(self, at: int, lost: str = "") -> list[tuple[Machine, set[str]]]:
        """The open contexts, inside out: copies of the parser after an ERROR, and what each accepts."""
        found: list[tuple[Machine, set[str]]] = []
        parser = self.parser.copy()
        while parser.states:
            trial = parser.copy()
            try:
                trial.feed(_virtual("ERROR", lost, at))
                found.append((trial, set(trial.accepts())))
            except Unexpected:
                pass
            if len(parser.states) == 1:
                break
            parser.states.pop()
            parser.values.pop()
        return found

    def pop_to_error(self, at: int) -> bool:
        """Replace an unfinished item at the end of the file by an ERROR; whether that was possible."""
        contexts = self.contexts(at, self.lost_item())
        if not contexts:
            return False
        self.parser = contexts[0][0]
        return True

    def is_sync(self, position: int) -> bool:
        """Whether parsing may go on at this token: a closer, an item's keyword, or `name =`."""
        token = self.tokens[position]
        if token.type in _CLOSERS or token.type in _ITEM_KEYWORDS:
            return True
        following = self.tokens[position + 1] if position + 1 < len(self.tokens) else None
        return token.type == "NAME" and following is not None and following.type == "EQUAL"


def _open_brackets(parser: Machine) -> list[str]:
    """The brackets that are open in what a parser has read, outermost first."""
    opened: list[str] = []
    for value in parser.values:
        if isinstance(value, Token) and value.type in _OPENERS.values():
            opened.append(value.type)
        elif isinstance(value, Token) and value.type in _OPENERS:
            opened.pop()
    return opened


def _inserts(fixes: Sequence[Fix]) -> bool:
    return any(virtual(fix) is not None for fix in fixes)


def _virtual(kind: str, value: str, at: int) -> Token:
    return Token(kind, value, at, at)
