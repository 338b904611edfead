"""Counts as few small tables: without axes that have no effect, and with tables merged into larger ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tsdsl.analysis.tables.elimination import one_table
from tsdsl.operators.varying import Count, Varying


def without_idle_axes(counts: Iterable[Count]) -> Iterator[Count]:
    """The same counts without the axes along which nothing changes."""
    for count in counts:
        yield count.without_constant_axes() if isinstance(count, Varying) else count


def merged(counts: Iterable[Count], join: np.ufunc = np.add) -> list[Varying]:
    """Counts as tables without axes that have no effect; a table whose decisions another has is merged into it."""
    constant = 0
    tables: dict[tuple[str, ...], Varying] = {}
    for count in counts:
        if not isinstance(count, Varying):
            constant = int(join(constant, count))
            continue
        table = count
        if table.paths in tables:
            table = one_table([tables[table.paths], table], join)
        tables[table.paths] = table
    result: list[Varying] = [Varying((), np.asarray(constant, dtype=np.int64))]
    having: dict[str, list[int]] = {}
    for paths in sorted(tables, key=len, reverse=True):
        table = tables[paths]
        for position in having.get(paths[0], ()) if paths else ():
            if set(table.scope) <= set(result[position].scope):
                result[position] = one_table([result[position], table], join)
                break
        else:
            for path in paths:
                having.setdefault(path, []).append(len(result))
            result.append(table)
    return result
