"""The probabilities of a step as a picture with a slider over the epochs, and as a table.

Without the script both show the last epoch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from math import log
from typing import Any

from tsdsl.drawing.alpha import alpha_epochs, draw_alpha, facts_of_epoch
from tsdsl.drawing.theme import DARK
from tsdsl.report.page import breakable, drawing, folded, scrolling
from tsdsl.space.model import Space
from tsdsl.units import giga


def alpha_film(name: str, entries: Sequence[Mapping[str, Any]], space: Space) -> str:
    """The entries of the `alpha.jsonl` of a step as HTML; empty without entries. `name` is the title of the step."""
    epochs = list({int(entry["epoch"]): entry for entry in entries}.values())
    if not epochs:
        return ""
    last = epochs[-1]
    rows = "".join(_row(space, path, shares) for path, shares in last["probabilities"].items())
    caption = f'Probabilities of the choices after epoch <span class="epoch">{int(last["epoch"])}</span>'
    label = escape(f"Epoch of {name}", quote=True)
    number = int(last["epoch"])
    table = (
        f"<table><caption>{caption}; H is the entropy of a decision in nats</caption><thead><tr>"
        '<th scope="col">decision</th><th scope="col">H</th><th scope="col">choices</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    history, title = alpha_epochs(epochs), f"{space.name}: {name}"
    picture = drawing(
        draw_alpha(space, history, title=title),
        f"The choices of {name}; darker is more probable",
        draw_alpha(space, history, title=title, theme=DARK),
    )
    behind = folded("As a table", scrolling(table, f"Probabilities of {name}"))
    return (
        f'<div class="alpha"><div class="slider" hidden><label>Epoch <output class="epoch">{number}</output>'
        f" of {number}</label>"
        f'<input type="range" min="0" max="{len(epochs) - 1}" value="{len(epochs) - 1}" step="1" aria-label="{label}" '
        f'aria-valuetext="epoch {number}"></div>'
        f'<p class="told" aria-live="polite">{escape(_facts(last))}</p>'
        f"{picture}{behind}"
        f'<script type="application/json">{_data(title, epochs)}</script></div>'
    )


def _facts(entry: Mapping[str, Any]) -> str:
    within = entry.get("probability_within")
    share = f"; {within:.1%} of samples are within the target" if within is not None else ""
    cost = giga(round(entry["expected_flops"]))
    return f"After epoch {int(entry['epoch'])}: entropy {entry['entropy']:.2f} nats, expected cost {cost}{share}."


def _row(space: Space, path: str, shares: Sequence[float]) -> str:
    entropy = abs(sum(share * log(share) for share in shares if share > 0))
    most = max(shares) if list(shares).count(max(shares)) == 1 else None
    items = "".join(
        f'<li style="--p:{100 * share:.1f}"{" class=most" if share == most else ""}>{escape(str(value))} '
        f"<b>{share:.0%}</b></li>"
        for value, share in zip(space.decision_by_path[path].values, shares, strict=True)
    )
    return (
        f'<tr><th scope="row">{breakable(path)}</th><td class="number entropy">{entropy:.2f}</td>'
        f'<td><ul class="choices">{items}</ul></td></tr>'
    )


def _data(title: str, epochs: Sequence[Mapping[str, Any]]) -> str:
    """The data of the slider as JSON: shares in thousandths. `<` is escaped so that no text ends the element."""
    history = alpha_epochs(epochs)
    data = {
        "title": title,
        "epochs": [int(entry["epoch"]) for entry in epochs],
        "told": [_facts(entry) for entry in epochs],
        "facts": [facts_of_epoch(history, epoch) for epoch in history],
        "shares": [[[round(1000 * s) for s in shares] for shares in e["probabilities"].values()] for e in epochs],
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
