"""Reading on after mistakes: the table of mistakes is asked first, and what it does not know is skipped.

Each token has a mark to go back to, as a mistake is often noticed behind where it is. An entry of the table counts
where its reading takes the parser past the token that was not expected. Otherwise the contexts that are open (call,
group list, space body, file) are tried from the inside out: the innermost one that can go on at a later token takes
an ERROR in place of what could not be read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from tsdsl.diagnostics import Diagnostic, Fix, replacement
from tsdsl.source import SourceFile, Span
from tsdsl.syntax.grammar.lexer import lex, lex_meaning
from tsdsl.syntax.grammar.machine import Machine, Mark, Node, Token, Unexpected, table
from tsdsl.syntax.recovery.match import ITEMS, MAX_TOKENS_BEFORE, Found, Window
from tsdsl.syntax.recovery.mistake import Mistake, filled
from tsdsl.syntax.recovery.mistakes import mistakes
from tsdsl.syntax.recovery.reserved import read_as_names
from tsdsl.syntax.recovery.words import brief, expected_words
from tsdsl.syntax.recovery.writers import SEPARATE

MAX_MISTAKES = 100
# After one of these a value is still to come.
_UNFINISHED = frozenset({"PLUS", "MINUS", "STAR", "COMPARISON", "EQUAL", "COMMA", "DOT", "FIX", "FREE", "REQUIRE"})
_NOTED = frozenset({"REQUIRE", "DOMAIN", "SHARED", "BLOCK"})  # what the resolver must know was lost
_CLOSERS = {"RBRACE": "LBRACE", "RPAR": "LPAR"}
_DIGITS = frozenset("0123456789")
_LOOK_AHEAD = 4  # tokens between a token and what was meant by it
_OPENERS = {**_CLOSERS, "RSQB": "LSQB"}


class Recovery:
    """The tree and the diagnostics of a text with mistakes."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.tokens, self.diagnostics = read_as_names(source, joined_runs(source.text, lex_meaning(source.text)))
        self.machine = Machine(table())
        self.position = 0
        self.marks: deque[tuple[int, Mark]] = deque(maxlen=MAX_TOKENS_BEFORE)
        self.tried: set[tuple[int, int]] = set()

    def tree(self, end: int) -> Node:
        """The tree of the tokens that begin before `end`."""
        if self.is_something_else():
            got = f"got `{brief(self.tokens[0].value)}`"
            self.give_up(self.tokens[0], f"this is not a tsspace file: expected `tsspace 1`, {got}")
            return self.finished()
        while self.position < len(self.tokens) and self.tokens[self.position].start_pos < end:
            token = self.tokens[self.position]
            self.marks.append((self.position, self.machine.mark()))
            try:
                self.machine.feed(token)
                self.position += 1
            except Unexpected:
                if len(self.diagnostics) >= MAX_MISTAKES:
                    self.give_up(token, f"more than {MAX_MISTAKES} mistakes: the rest of the file is not read")
                    break
                if not self.known():
                    self.unknown(token)
        else:
            if self.position < len(self.tokens):
                self.give_up(self.tokens[self.position], "too many nested brackets: the rest of the file is not read")
        return self.finished()

    def is_something_else(self) -> bool:
        """Whether the text is of another language: it begins with no statement, and has no space."""
        first = [token.type for token in self.tokens[:2]]
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        has_space = any(one.type == "SPACE" and other.type in ("NAME", "STRING") for one, other in pairs)
        return len(first) == 2 and not has_space and not ({first[0]} & {"TSSPACE", *ITEMS} or first[1] == "NUMBER")

    def give_up(self, token: Token, message: str) -> None:
        """Stop reading, and report it."""
        self.diagnostics.append(Diagnostic("TS002", message, self.source, _span(token)))
        self.machine = Machine(table())
        self.machine.feed(_inserted("ERROR", "", token.start_pos))

    def known(self) -> bool:
        """Report the mistake of the table that this is, and read what was meant; whether there is one."""
        window = Window(self.source.text, self.tokens, self.position)
        accepted = self.at(self.position).accepts()
        for number, mistake in enumerate(mistakes()):
            expects, excludes = set(mistake.expects.split()), set(mistake.excludes.split())
            if not expects <= accepted or excludes & accepted:
                continue
            key = (number, self.tokens[self.position].start_pos)
            for found in window.matches(mistake.pattern) if key not in self.tried else ():
                if self.reads(mistake, found, accepted):
                    self.tried.add(key)
                    return True
        return False

    def reads(self, mistake: Mistake, found: Found, accepted: set[str]) -> bool:
        """Whether what was meant can be read; it is reported and read then."""
        first = min(found.begin, self.position)
        if not self.has_mark(first):
            return False
        parts = found.parts | {
            "got": brief(self.tokens[self.position].value),
            "expected": expected_words(accepted),
            "written": "",
        }
        if "{after}" in mistake.message:
            if not self.has_mark(found.end):
                return False
            parts["after"] = expected_words(self.at(found.end).accepts())
        if mistake.write is None:
            self.report(mistake, found, parts, ())
            self.machine = self.at(first)
            ends_open = self.tokens[found.end - 1].type in _OPENERS.values()
            self.position = max(found.end - ends_open, first)
            self.skip(first)
            return True
        kinds = frozenset(self.at(first).accepts())
        readings = [filled(mistake.write, parts)] if isinstance(mistake.write, str) else mistake.write(found, kinds)
        for reading in readings:
            tokens = self.aligned(found, reading)
            if reading != found.found and self.leads_on(first, tokens, found.end):
                written = [reading, *(other for other in readings if other != reading)]
                self.report(mistake, found, parts | {"written": reading.strip()}, written)
                self.tokens[first : found.end] = [*self.tokens[first : found.begin], *tokens]
                self.machine, self.position = self.at(first), first
                while self.marks and self.marks[-1][0] >= first:
                    self.marks.pop()
                return True
        return False

    def has_mark(self, position: int) -> bool:
        """Whether the parser can go back to before the token of this number."""
        return any(number == position for number, _ in self.marks)

    def at(self, position: int) -> Machine:
        """The parser as it was before the token of this number."""
        return Machine.at(next(mark for number, mark in reversed(self.marks) if number == position))

    def leads_on(self, first: int, tokens: Sequence[Token], end: int) -> bool:
        """Whether the parser takes these instead of the tokens up to `end`, and the token that was not expected."""
        machine, goal = self.at(first), self.tokens[self.position].start_pos
        try:
            for token in (*tokens, *self.tokens[end : end + MAX_TOKENS_BEFORE]):
                machine.feed(token)
                if token.start_pos >= goal and token.end_pos > token.start_pos:
                    return True
        except Unexpected:
            return False
        return True

    def aligned(self, found: Found, written: str) -> list[Token]:
        """The tokens of what was meant, each where what it replaces is: in one pass, as lists may be long."""
        old, new = self.tokens[found.begin : found.end], list(lex_meaning(written))
        at = self.tokens[found.begin].start_pos
        tokens: list[Token] = []
        next_old = 0
        for number, token in enumerate(new):
            ahead = [other.value for other in old[next_old : next_old + _LOOK_AHEAD]]
            later = [other.value for other in new[number + 1 : number + _LOOK_AHEAD]]
            is_inserted = not ahead or (token.value != ahead[0] and ahead[0] in later[:1])
            is_replaced = not is_inserted and token.value != ahead[0] and later[:1] == ahead[1:2]
            if token.value in ahead and not is_inserted and not is_replaced:
                next_old += ahead.index(token.value)
                tokens.append(old[next_old])
                next_old += 1
            elif is_replaced or (ahead and ahead[0] not in later):
                last = old[-1] if number == len(new) - 1 else old[next_old]
                tokens.append(Token(token.type, token.value, old[next_old].start_pos, last.end_pos))
                next_old += 1
            else:
                tokens.append(Token(token.type, token.value, at, at))
            at = tokens[-1].end_pos
        return tokens

    def report(self, mistake: Mistake, found: Found, parts: dict[str, str], written: Sequence[str]) -> None:
        span = Span(self.tokens[found.begin].start_pos, self.tokens[max(found.begin, found.end - 1)].end_pos)
        has_remedy = mistake.remedy != "none" and all(_keeps_comments(self.source.text, span, text) for text in written)
        safe = mistake.remedy == "safe" and len(written) == 1
        fixes = tuple(_fix(span, found.found, text, safe) for text in written) if has_remedy else ()
        help_text = filled(mistake.help, parts) or " or ".join(fix.title for fix in fixes)
        ends = (self.tokens[self.position], self.tokens[max(found.begin, found.end - 1)])
        code = "TS001" if any(token.type == "BAD" for token in ends) else "TS002"
        message, label = filled(mistake.message, parts), filled(mistake.label, parts)
        self.diagnostics.append(
            Diagnostic(code, brief(message), self.source, span, label, help=brief(help_text) or None, fixes=fixes)
        )

    def unknown(self, token: Token) -> None:
        """Report a token that was not expected, or where something is missing before it, and skip it."""
        accepted = self.at(self.position).accepts()
        before = self.tokens[self.position - 1] if self.position else None
        message = f"expected {expected_words(accepted)}, got `{brief(token.value)}`"
        span, label = _span(token), "not expected here"
        is_unfinished = before is not None and (
            before.type in _UNFINISHED or not accepted & {"RBRACE", "RPAR", "NAME", "$END"}
        )
        if before is not None and is_unfinished and "\n" in self.source.text[before.end_pos : token.start_pos]:
            message = f"expected {expected_words(accepted)}, got the end of the line"
            span, label = Span(max(0, before.end_pos - 1), before.end_pos), "something is missing after this"
        code = "TS001" if token.type == "BAD" else "TS002"
        extra = token.type in _OPENERS and "NUMBER" not in accepted
        fixes = (replacement(f"remove `{token.value}`", span, ""),) if extra else ()
        help_text = fixes[0].title if fixes else None
        self.diagnostics.append(Diagnostic(code, message, self.source, span, label, help=help_text, fixes=fixes))
        self.machine = self.at(self.position)
        self.skip(self.position)

    def skip(self, first: int) -> None:
        """Go on at a later token in the innermost context that can, with an ERROR in place of what is not read."""
        start = self.tokens[first].start_pos
        lost = self.lost_item(first)
        contexts = self.contexts(start, lost)
        levels = [_open_brackets(context) for context, _ in contexts]
        opened = _open_brackets(self.machine)
        most = len(opened)
        for position in range(self.position, len(self.tokens)):
            candidate = self.tokens[position]
            closes = _OPENERS.get(candidate.type)
            if closes is not None and closes in opened:
                while opened[-1] != closes:
                    opened.pop()  # a bracket that is never closed
            if len(opened) <= most and self.is_sync(position):
                for number, (context, accepted) in enumerate(contexts):
                    is_level = len(levels[number]) == len(opened) or (closes is None and candidate.type != "NAME")
                    if candidate.type in accepted and is_level:
                        if lost and any(t.type in ITEMS for t in self.tokens[self.position : position]):
                            context = self.contexts(start, "")[number][0]
                        self.machine, self.position = context, position
                        return
            if candidate.type in _OPENERS.values():
                opened.append(candidate.type)
            elif closes is not None and opened and opened[-1] == closes:
                opened.pop()
        # Nothing to go on at: the rest is lost, and what was read before it is kept.
        whole = next((context for context, accepted in contexts if "$END" in accepted), contexts[-1][0])
        self.machine, self.position = whole, len(self.tokens)

    def lost_item(self, first: int) -> str:
        """What item is being read: `require`, which gives nothing a name, or a declaration; else the empty text."""
        for number in range(first - 1, 0, -1):
            kind, before = self.tokens[number].type, self.tokens[number - 1].type
            if kind in _NOTED:
                return kind.lower()
            if kind == "LBRACE" and before == "EQUAL":
                continue  # of a choice
            if kind in ("LBRACE", "RBRACE") or (kind in ITEMS and before not in _UNFINISHED):
                break
        return ""

    def contexts(self, at: int, lost: str) -> list[tuple[Machine, set[str]]]:
        """The open contexts, inside out: copies of the parser after an ERROR, and what each accepts."""
        found: list[tuple[Machine, set[str]]] = []
        machine = self.machine.copy()
        while machine.states:
            trial = machine.copy()
            try:
                trial.feed(_inserted("ERROR", lost, at))
                found.append((trial, set(trial.accepts())))
            except Unexpected:
                pass
            if len(machine.states) == 1:
                break
            machine.states.pop()
            machine.values.pop()
        return found

    def is_sync(self, position: int) -> bool:
        """Whether parsing may go on at this token: a closer, an item's keyword, or `name =`."""
        token = self.tokens[position]
        following = self.tokens[position + 1].type if position + 1 < len(self.tokens) else ""
        return token.type in _CLOSERS or token.type in ITEMS or (token.type == "NAME" and following == "EQUAL")

    def finished(self) -> Node:
        """The end of the file, closing whatever is still open, which is one diagnostic."""
        end = len(self.source.text.rstrip())
        reported = False
        while True:
            try:
                return self.machine.finish()
            except Unexpected:
                accepted = self.machine.accepts()
                if not reported:
                    reported = True
                    self.report_unclosed(end, accepted)
                closer = next((name for name in ("RPAR", "RBRACE") if name in accepted), None)
                if closer is not None:
                    self.machine.feed(_inserted(closer, "", end))
                elif contexts := self.contexts(end, self.lost_item(len(self.tokens))):
                    self.machine = contexts[0][0]
                else:
                    self.machine = Machine(table())

    def report_unclosed(self, end: int, accepted: set[str]) -> None:
        opener = self.unclosed()
        if opener is None:
            message = f"expected {expected_words(accepted)}, got the end of the file"
            self.diagnostics.append(Diagnostic("TS002", message, self.source, Span(max(0, end - 1), end)))
        elif opener.start_pos < opener.end_pos:  # else it was inserted, which is reported already
            mark = {"LBRACE": "}", "LPAR": ")"}.get(opener.type, "]")
            fix = replacement(f"add `{mark}` at the end", Span(end, end), f"\n{mark}" if mark == "}" else mark)
            message = f"the file ends before this `{opener.value}` is closed"
            help_text = f"add `{mark}` where it should end"
            self.diagnostics.append(
                Diagnostic("TS003", message, self.source, _span(opener), "never closed", help=help_text, fixes=(fix,))
            )

    def unclosed(self) -> Token | None:
        """The outermost bracket that is open at the end."""
        stack: list[Token] = []
        for token in self.tokens:
            if token.type in _OPENERS.values():
                stack.append(token)
            elif token.type in _OPENERS:
                while stack and stack.pop().type != _OPENERS[token.type]:
                    pass
        return stack[-1] if stack else None


def joined_runs(text: str, tokens: Iterable[Token]) -> list[Token]:
    """Tokens with each run of unknown characters as one; of signs that mean something, only of equal ones."""
    joined: list[Token] = []
    last = ""
    for token in tokens:
        one, last = last, token.value[-1] if token.type == "BAD" else ""
        is_run = one and last and joined[-1].end_pos == token.start_pos
        other = token.value[0]
        if is_run and (one == other or not ({one, other} & SEPARATE or one in _DIGITS or other in _DIGITS)):
            joined[-1] = Token("BAD", "", joined[-1].start_pos, token.end_pos)
        else:
            joined.append(token)
    return [token if token.value else token._replace(value=text[token.start_pos : token.end_pos]) for token in joined]


def _keeps_comments(text: str, span: Span, written: str) -> bool:
    """Whether what is written instead has the comments of what it replaces."""
    old = [token.value for token in lex(text[span.start : span.end]) if token.type == "COMMENT"]
    return not old or old == [token.value for token in lex(written) if token.type == "COMMENT"]


def _fix(span: Span, found: str, written: str, safe: bool) -> Fix:
    """The smallest edit that writes one text in place of another."""
    if found and written.startswith(found):
        added = written[len(found) :]
        if added[0].isspace() or (not added[0].isalnum() and (found[-1].isalnum() or found[-1] in ")]}")):
            return replacement(f"insert `{added.strip()}`", Span(span.end, span.end), added, safe=safe)
    if found and written.endswith(f" {found}"):
        added = written[: len(written) - len(found)]
        return replacement(f"insert `{added.strip()}`", Span(span.start, span.start), added, safe=safe)
    title = f"write `{' '.join(written.split())}`" if written.strip() else f"remove `{found}`"
    return replacement(brief(title), span, written, safe=safe)


def _open_brackets(machine: Machine) -> list[str]:
    """The brackets that are open in what a parser has read, outermost first."""
    opened: list[str] = []
    for value in machine.values:
        if isinstance(value, Token) and value.type in _OPENERS.values():
            opened.append(value.type)
        elif isinstance(value, Token) and value.type in _OPENERS:
            opened.pop()
    return opened


def _span(token: Token) -> Span:
    return Span(token.start_pos, token.end_pos)


def _inserted(kind: str, value: str, at: int) -> Token:
    return Token(kind, value, at, at)
