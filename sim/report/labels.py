"""What lanes, ports and endpoints are called side by side: as short as it goes without two being called the same."""

from __future__ import annotations

from collections.abc import Iterable


def labels(names: Iterable[str]) -> dict[str, str]:
    """Name -> label: without the outermost group where all share it, which is not repeated inside a name either.

    ``chip.noc.chip.hbm.out`` becomes ``noc.hbm.out``; of several chips ``chip[1].xbar.chip[1].hbm.out`` becomes
    ``chip[1].xbar.hbm.out``.
    """
    heads = {name: name.partition(".")[0] for name in names}
    shared = len(set(heads.values())) == 1
    found = {}
    for name, head in heads.items():
        label = name.replace(f".{head}.", ".").replace(f"->{head}.", "->")
        found[name] = label.removeprefix(f"{head}.") if shared else label
    return found
