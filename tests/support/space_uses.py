"""What holds of a space in use, by the name of the fact: of its networks, of its text in an editor, of comparisons."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from functools import partial
from random import Random

import torch
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
from support.small_spaces import everything
from tsdsl.analysis.comparison.compare import compare
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.check.check import check
from tsdsl.drawing.figure_difference import draw_difference
from tsdsl.drawing.found import found_model
from tsdsl.drawing.graph import draw_architecture, draw_space
from tsdsl.exporting import export_onnx, export_pt2, verify_export, verify_onnx, verify_pt2
from tsdsl.exporting.provenance import Provenance, export_with_provenance
from tsdsl.lowering import Supernet, extract, recalibrate
from tsdsl.lsp.features.completion import complete
from tsdsl.lsp.features.hover import hover
from tsdsl.lsp.features.navigation import RENAMED, renamed
from tsdsl.lsp.snapshot import Snapshot, take
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.parts import Scale, Value
from tsdsl.syntax.formatter import format_text
from tsdsl.syntax.grammar.lexer import lex

Facts = Iterator[tuple[str, bool]]
ARCHITECTURES = 2
WORDS = 12
NEW = "renamed_here"
_SILENT = frozenset({"WS", "COMMENT"})


def uses(text: str, seed: int, formats: Collection[str]) -> Facts:
    """(name of the fact, whether it holds) for every fact; a name may come several times.

    `formats` are those of pt2 and onnx that one architecture is exported to besides Python.
    """
    space = space_of(text)
    yield from networks(space, seed, formats)
    yield from pictures(space, seed)
    yield from comparisons(text, space, seed)
    yield from layouts(text, space, seed)
    yield from renames(text, space)
    yield from words(text, seed)


def space_of(text: str) -> tsdsl.Space:
    """The last space of a text without errors."""
    checked = check(SourceFile("used.tsspace", text))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == [], text
    return checked.spaces[-1].space


def networks(space: tsdsl.Space, seed: int, formats: Collection[str]) -> Facts:
    """Costs, shared weights and exports of architectures that are drawn, one of them after the first step."""
    blueprint = Blueprint(space)
    supernet = Supernet(blueprint, seed=seed)
    drawn = [(None, one) for one in tsdsl.Space.of(space).sample(ARCHITECTURES, seed=seed)]
    for step, one in [(1, next(tsdsl.Space.of(space).sample(seed=seed, step=1))), *drawn]:
        model = extract(supernet, one.decisions, step)
        network = model.network
        generator = torch.Generator().manual_seed(seed)
        clips_BCTHW = torch.randn(2, 3, network.frames, network.size, network.size, generator=generator)
        scores = []
        for run in (partial(supernet, architecture=one.decisions, step=step), model.train()):
            torch.manual_seed(seed)  # both draw the same dropout
            scores.append(run(clips_BCTHW))
        yield "supernet's scores are the extracted model's", torch.equal(*scores)
        recalibrate(model, [clips_BCTHW])
        table = CostTable(blueprint, step)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.eval()(clips_BCTHW[:1])
        yield "multiply-adds as torch counts", counter.get_total_flops() == 2 * table.macs(one.decisions)
        yield "parameters as torch has", sum(p.numel() for p in model.parameters()) == table.params(one.decisions)
    provenance = Provenance(architecture=one, scale=Scale(name=""), classes=network.classes)
    yield "exported Python agrees", verify_export(export_with_provenance(space, provenance), model).holds
    if "pt2" in formats:
        yield "exported .pt2 agrees", verify_pt2(export_pt2(model, provenance), model).holds
    if "onnx" in formats:
        yield "exported ONNX agrees", verify_onnx(export_onnx(model, provenance), model).holds


def pictures(space: tsdsl.Space, seed: int) -> Facts:
    """Drawings of the space, of an architecture, and of what two of them have not in common."""
    one, other = tsdsl.Space.of(space).sample(2, seed=seed)
    models = [found_model(Blueprint(space), architecture) for architecture in (one, other)]
    drawings = draw_space(space), draw_architecture(space, one), draw_difference(*models)
    yield "pictures", all(drawing.startswith("<svg") for drawing in drawings)


def comparisons(text: str, space: tsdsl.Space, seed: int) -> Facts:
    """The space beside itself, and beside the space in which one of its decisions is fixed."""
    listed = everything(space)
    same = compare(space, space)
    yield "a space means what it means", same.same_meaning and same.in_both in (None, len(listed)) and not same.breaks
    draw = Random(seed)
    allowed = everything(space, space.steps[-1].index)  # a step may leave decisions at their first value
    path, value = draw.choice(list(draw.choice(allowed).items()))
    derived = f"space derived from {space.name} {{ fix {_selector(path)} = {_written(value)} }}\n"
    fixed = space_of(text + derived)
    found = compare(space, fixed)
    # A shared decision that nothing reads any more is none of the derived space.
    left = [{p: one.get(p) for p in fixed.decision_by_path} for one in listed if one.get(path, value) == value]
    kept = len({tuple(one.items()) for one in left})
    yield "architectures in both spaces", found.in_both in (None, kept)
    yield "architectures of a derived space", found.new_count.at_least <= kept <= found.new_count.at_most


def _selector(path: str) -> str:
    return re.sub(r"\b(stage|group|block)([0-9]+)", r"\1[\2]", path)


def _written(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def layouts(text: str, space: tsdsl.Space, seed: int) -> Facts:
    """What `fmt` does to the text, and to its tokens between random white space; what JSON brings back."""
    draw = Random(seed)
    tokens = [str(token.value) for token in lex(text) if token.type not in _SILENT]
    disturbed = "".join(token + draw.choice([" ", "\n", "  ", "\n\n\n"]) for token in tokens)
    for written in (text, disturbed):
        result = format_text(SourceFile("used.tsspace", written))
        yield "`fmt` keeps the meaning", _meaning(space_of(result)) == _meaning(space)
        yield "`fmt` of its result changes nothing", format_text(SourceFile("used.tsspace", result)) == result
    yield "JSON brings the space back", tsdsl.Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space


def _meaning(space: tsdsl.Space, old: str = "", new: str = "") -> str:
    """The space as JSON with a name replaced, without white space, as the texts of its constraints have some."""
    text = json.dumps(space.to_dict()).replace("\\n", " ")
    return re.sub(r"\s", "", re.sub(rf"\b{old}\b", new, text) if old else text)


def renames(text: str, space: tsdsl.Space) -> Facts:
    """Each name that can be renamed, by the language server: the space is the same under another name."""
    snapshot = take(SourceFile("used.tsspace", text))
    for declared in snapshot.names.occurrences:
        if declared.declares and declared.kind in RENAMED:
            old = text[declared.span.start : declared.span.end]
            result = text
            for place in reversed(renamed(snapshot.names, declared.span.start, NEW)):
                result = result[: place.span.start] + NEW + result[place.span.end :]
            yield "rename keeps the meaning", _meaning(space, old, NEW) == _meaning(space_of(result))


def words(text: str, seed: int) -> Facts:
    """Words of the text at random: without one, completion offers it there, and hover says something about it."""
    before = take(SourceFile("used.tsspace", text))
    offered = [token for token in before.tokens if token.type not in _SILENT and _is_word(before, token.start_pos or 0)]
    for token in Random(seed).sample(offered, WORDS):
        start, word = token.start_pos or 0, str(token.value)
        rest = re.sub(r"^[\w.\[\]*]*", "", text[start + len(word) :])  # of a selector that is begun only
        without = take(SourceFile("used.tsspace", text[:start] + rest), before)
        yield "completion offers the word that was there", word in {s.label for s in complete(without, start)}
        yield "hover explains a word", hover(before, start) is not None


def _is_word(snapshot: Snapshot, start: int) -> bool:
    """Whether a word that somebody would complete begins there: no name that is declared there."""
    named = snapshot.names.at(start)
    is_name = re.compile(r"[A-Za-z_]\w*").match(snapshot.source.text, start) is not None
    return is_name and not (named is not None and named.declares and named.kind in RENAMED)
