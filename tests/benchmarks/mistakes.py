"""What the language does with mistakes: that no text breaks it, that each mistake is told once, that shapes are right.

    python tests/benchmarks/mistakes.py [mutations] [planted] [shapes] [--number N] [--first SEED] [--write]

`mutations`: shipped and drawn spaces with 1 to 3 random token edits are parsed and checked; counts the exceptions
(default: 20000 texts). `planted`: 1 to 5 independent mistakes are planted in shipped and drawn spaces; counts the
texts with exactly as many diagnostics, each on its line with its code (2000). `shapes`: of random small
spaces, those that `check` accepts against those of which every architecture fits by a reference written from the
definition; every architecture of an accepted space is built with torch and run on the meta device (2000).
Texts are drawn by consecutive seeds from SEED (default 0), so that a long run can be made in parts. `--write` keeps
what is printed in `results/mistakes.txt`.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import torch
from recording import recorded

import tsdsl
from support.planted import plant
from support.printed import printed
from support.random_derivations import in_two_files, valid_derivation
from support.random_spaces import loose_space, valid_space
from support.shape_reference import fits
from tsdsl.check.check import check
from tsdsl.lowering import Model
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.model import Space
from tsdsl.space.parts import Value
from tsdsl.space.resolve import Read
from tsdsl.syntax import ast
from tsdsl.syntax.grammar.lexer import lex
from tsdsl.syntax.parser import parse

SHIPPED = sorted((Path(tsdsl.__file__).parent.parent / "spaces").glob("*.tsspace"))
MAX_ARCHITECTURES = 200


def mutations(number: int, first_seed: int) -> str:
    """Texts with random token edits: a tree and diagnostics for each, and no exception."""
    texts = [path.read_text(encoding="utf-8") for path in SHIPPED]
    texts += [printed(valid_space(Random(seed))) for seed in range(30)]
    texts += [printed(valid_derivation(Random(seed))) for seed in range(20)]
    words = [[token.value for token in lex(text)] for text in texts]
    vocabulary = sorted({word for text in words for word in text if not word.isspace()})
    raised: Counter[str] = Counter()
    wrong = 0
    for seed in range(first_seed, first_seed + number):
        draw = Random(seed)
        # Nine of ten are of drawn spaces, which are short.
        first = 0 if draw.random() < 0.1 else len(SHIPPED)
        mutated = list(words[draw.randrange(first, len(texts))])
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(mutated))
            match draw.randrange(4):
                case 0:
                    del mutated[place]
                case 1:
                    mutated.insert(place, draw.choice(vocabulary))
                case 2:
                    mutated[place] = draw.choice(vocabulary)
                case _:
                    other = draw.randrange(len(mutated))
                    mutated[place], mutated[other] = mutated[other], mutated[place]
        source = SourceFile("mutated.tsspace", "".join(mutated))
        try:
            assert isinstance(parse(source).file, ast.File)
            wrong += bool(check(source).diagnostics)
        except Exception as error:
            raised[f"{type(error).__name__}: {error}"[:100]] += 1
    return f"{number} mutated texts: {sum(raised.values())} exceptions {dict(raised)}, {wrong} with diagnostics"


def planted(number: int, first_seed: int) -> str:
    """Independent mistakes: exactly one diagnostic for each, on its line and with its code."""
    shipped = [path.read_text(encoding="utf-8") for path in SHIPPED]
    exact = mistakes = 0
    spoiled: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + number):
        draw = Random(seed)
        text, read = _right_text(seed, shipped, draw)
        assert not check(SourceFile("clean.tsspace", text), read).diagnostics, text
        wrong = plant(text, draw.randint(1, 5), draw)
        source = SourceFile("planted.tsspace", wrong.text)
        found = Counter((source.position(d.span.start).line, d.code) for d in check(source, read).diagnostics)
        mistakes += len(wrong.mistakes)
        if found == Counter((line, kind.code) for line, kind in wrong.mistakes.items()):
            exact += 1
        else:
            spoiled.update(kind.name for kind in wrong.mistakes.values())
    share = f"{exact} exact ({exact / number:.1%})"
    return f"{number} texts with {mistakes} planted mistakes: {share}; kinds in the others: {spoiled.most_common(5)}"


def _right_text(seed: int, shipped: Sequence[str], draw: Random) -> tuple[str, Read]:
    """Of ten texts one is shipped, two hold a derived space and its base, one imports the base, six are one space."""
    if seed % 10 == 0:
        return draw.choice(shipped), read_source
    if seed % 10 > 3:
        return printed(valid_space(draw)), read_source
    file = valid_derivation(draw)
    if seed % 10 > 1:
        return printed(file), read_source
    importing, base = in_two_files(file)
    return printed(importing), lambda name: SourceFile(name, printed(base))


def shapes(number: int, first_seed: int) -> str:
    """Random small spaces: accepted by check exactly where every architecture fits, builds and runs."""
    accepted = agree = architectures = 0
    seed, spaces = first_seed, 0
    while spaces < number:
        file = loose_space(Random(seed))
        seed += 1
        checked = check(SourceFile("drawn.tsspace", printed(file)))
        if checked.spaces and checked.spaces[0].space.cardinality > MAX_ARCHITECTURES:
            continue
        spaces += 1
        is_accepted = bool(checked.spaces)
        is_right = is_accepted == fits(file)
        if is_accepted:
            accepted += 1
            space = checked.spaces[0].space
            for decisions in every_architecture(space):
                architectures += 1
                is_right = is_right and runs(space, decisions)
        agree += is_right
    built = f"{accepted} accepted, whose {architectures} architectures were built and run"
    return f"{number} random spaces of seeds up to {seed - 1}: {agree} judged rightly; {built}"


def every_architecture(space: Space) -> list[dict[str, Value]]:
    """All architectures by listing values, nested decisions only under their parents."""
    found: list[dict[str, Value]] = [{}]
    for decision in space.decisions:
        parent = decision.parent
        found = [
            {**made, decision.path: value} if parent is None or made.get(parent.path) == parent.value else made
            for made in found
            for value in (
                decision.values if parent is None or made.get(parent.path) == parent.value else decision.values[:1]
            )
        ]
    return found


def runs(space: Space, decisions: dict[str, Value]) -> bool:
    """Whether the model of an architecture can be built and gives a score for each class."""
    network = Blueprint(space).network(decisions)
    with torch.device("meta"), torch.no_grad():
        model = Model(network).eval()
        clip_BCTHW = torch.empty(1, 3, network.frames, network.size, network.size)
        return model(clip_BCTHW).shape == (1, space.classes)


BENCHMARKS: dict[str, tuple[Callable[[int, int], str], int]] = {
    "mutations": (mutations, 20_000),
    "planted": (planted, 2_000),
    "shapes": (shapes, 2_000),
}


def main() -> None:
    """Run the named ones, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", choices=[*BENCHMARKS, []], help="default: all")
    parser.add_argument("--number", type=int, help="how many texts, instead of each one's own number")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed (default: 0)")
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/mistakes.txt")
    arguments = parser.parse_args()
    with recorded("mistakes", arguments.write):
        for name in arguments.which or BENCHMARKS:
            function, usual = BENCHMARKS[name]
            began = time.process_time()
            result = function(arguments.number or usual, arguments.first)
            print(f"{name}: {result}; {time.process_time() - began:.0f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
