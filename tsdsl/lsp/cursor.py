"""The context of a place in a text, read only from tokens, so it works in texts with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tsdsl.source import Span
from tsdsl.syntax.grammar.machine import Token

_SILENT = frozenset({"WS", "COMMENT", "BAD"})
_HEADS = frozenset({"SPACE", "STREAM", "STAGE", "FUSION", "ATTENTION", "HEAD", "STEP", "MODEL"})
_DECLARES = frozenset({"DOMAIN", "SHARED", "BLOCK"})
_STATEMENTS = _HEADS | _DECLARES | {"TSSPACE", "IMPORT", "GROUP", "FIX", "FREE", "REQUIRE"}
BEFORE_OPERANDS = frozenset(
    {"REQUIRE", "COMPARISON", "SIGN", "STAR", "PLUS", "MINUS", "AND", "OR", "IMPLIES", "LPAR", "COMMA"}
)
_BEFORE_SELECTORS = BEFORE_OPERANDS | {"FIX", "FREE", "DOT", "EQUAL"}
_OPENERS = {"LBRACE": "RBRACE", "LPAR": "RPAR", "LSQB": "RSQB"}
_CLOSERS = frozenset(_OPENERS.values())


@dataclass
class Frame:
    """An open bracket at a place: a block such as `stream`, a `call`, a `choice`, or `indices`.

    `head` are the tokens before it, `given` the attributes in it before and after the place, `attribute` the one whose
    value is being written.
    """

    kind: str
    head: tuple[Token, ...] = ()
    given: set[str] = field(default_factory=set)
    attribute: str | None = None


@dataclass(frozen=True)
class Cursor:
    """The open frames at a place, outermost first, the tokens before it, and the word that ends there."""

    frames: tuple[Frame, ...]
    before: tuple[Token, ...]
    word: Span
    is_silent: bool

    @property
    def frame(self) -> Frame:
        """The innermost frame."""
        return self.frames[-1]

    @property
    def block(self) -> Frame:
        """The innermost frame other than choices and indices."""
        return next(f for f in reversed(self.frames) if f.kind not in ("choice", "indices"))

    def previous(self, count: int = 1) -> str:
        """The type of the `count`-th token before the place, or the empty string."""
        return self.before[-count].type if len(self.before) >= count else ""

    def statement(self) -> tuple[Token, ...]:
        """The tokens since the start of the last statement or block."""
        for position in range(len(self.before) - 1, -1, -1):
            in_selector = position > 0 and self.before[position - 1].type in _BEFORE_SELECTORS
            if self.before[position].type in _STATEMENTS and not in_selector:
                return self.before[position:]
            if self.before[position].type in ("LBRACE", "RBRACE"):
                return self.before[position + 1 :]
        return self.before

    @property
    def group(self) -> tuple[Token, ...]:
        """The tokens from the last `group` on."""
        return _from_group(self.before)

    @property
    def space(self) -> str | None:
        """The name of the enclosing space."""
        for frame in self.frames:
            if frame.kind == "space" and len(frame.head) > 1:
                return str(frame.head[1].value)
        return None


def cursor_at(tokens: Sequence[Token], text: str, offset: int) -> Cursor:
    """The context of `offset`, without the word that is being typed there."""
    start = offset
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    silent = any(t.type in ("COMMENT", "STRING", "BAD") and _inside(t, offset) for t in tokens)
    frames = [Frame("file")]
    before: list[Token] = []
    found: tuple[Frame, ...] | None = None
    for token in tokens:
        if token.type in _SILENT or (start <= _start(token) < offset):
            continue
        if found is None and _start(token) >= start:
            found = tuple(frames)
            held = {id(frame): frame.attribute for frame in frames}
        _step(frames, before, token)
        before.append(token)
    if found is None:
        found = tuple(frames)
        held = {id(frame): frame.attribute for frame in frames}
    for frame in found:
        frame.attribute = held[id(frame)]
    kept = tuple(token for token in before if _start(token) < start)
    return Cursor(found, kept, Span(start, offset), silent)


def _step(frames: list[Frame], before: Sequence[Token], token: Token) -> None:
    """Open or close a frame at a token, or record an attribute."""
    previous = before[-1] if before else None
    if token.type == "LBRACE":
        if previous is not None and previous.type in ("EQUAL", "COMMA", "GROUP", "STAR"):
            frames.append(Frame("choice", (previous,)))
        else:
            head = _head(before)
            frames.append(Frame(head[0].type.lower() if head else "unknown", head))
    elif token.type == "LPAR":
        follows_braces = previous is not None and previous.type == "RBRACE"
        head = _from_group(before) if follows_braces else (previous,) if previous is not None else ()
        frames.append(Frame("call", head))
    elif token.type == "LSQB":
        frames.append(Frame("indices"))
    elif token.type in _CLOSERS:
        _close(frames, token.type)
    elif token.type == "EQUAL" and previous is not None and previous.type == "NAME":
        declares = len(before) > 1 and before[-2].type in _DECLARES
        name = str(before[-2].value) if declares else str(previous.value)
        if not declares:
            frames[-1].given.add(name)
        frames[-1].attribute = name
    elif token.type in _STATEMENTS and (previous is None or previous.type not in _BEFORE_SELECTORS):
        frames[-1].attribute = None


def _from_group(before: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens from the last `group` on."""
    position = next((n for n in range(len(before) - 1, -1, -1) if before[n].type == "GROUP"), len(before))
    return tuple(before[position:])


def _head(before: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens from the keyword that a brace belongs to."""
    for position in range(len(before) - 1, max(-1, len(before) - 40), -1):
        kind = before[position].type
        if kind in _HEADS and (position == 0 or before[position - 1].type not in ("DOT", "EQUAL", "COMMA")):
            return tuple(before[position:])
        if kind in ("LBRACE", "RBRACE", "EQUAL"):
            break
    return ()


def _close(frames: list[Frame], closer: str) -> None:
    """Close the innermost frame of this bracket and the frames in it; ignore a stray bracket."""
    own = {"RPAR": ("call",), "RSQB": ("indices",)}.get(closer)
    for position in range(len(frames) - 1, 0, -1):
        kind = frames[position].kind
        if kind in own if own is not None else kind not in ("call", "indices"):
            del frames[position:]
            return
        if own is not None and kind not in ("call", "choice", "indices"):
            return


def _inside(token: Token, offset: int) -> bool:
    """Whether an offset is in a token; comments and unclosed strings include their end."""
    end = _start(token) + len(token.value)
    if token.type == "BAD" and not token.value.startswith('"'):
        return False
    return _start(token) < offset < end or (offset == end and token.type != "STRING")


def _start(token: Token) -> int:
    return token.start_pos or 0
