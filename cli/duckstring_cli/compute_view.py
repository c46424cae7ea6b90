"""Where the Ripples of a line run, and why there."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from duckstring.model.answers.changes import ComputeAnswer, ComputeRow
from duckstring_cli import durations, render

_MIB_A_CPU = 1769
"""Of Lambda's memory: with so much goes one processor."""
_WHY = {
    "operator": "an operator pinned it",
    "learnt": "it needed that",
    "hint": "its author's hint",
    "default": "nothing says otherwise",
}


def compute_table(answer: ComputeAnswer) -> RenderableType:
    """Where each Ripple of a line runs from its next attempt on, and by whose word."""
    made = render.table(
        "RIPPLE", "RUNS", "MEMORY", "CPU", "BECAUSE", right=("MEMORY", "CPU"), last="wrapped"
    )
    function = answer["function"]
    for row in answer["ripples"]:
        mib = row["task_mib"] or function["memory_mib"]
        memory = f"{mib // 1024} GB" if mib % 1024 == 0 else f"{mib} MiB"
        cpu = f"{row['cpu_units'] / 1024:g}" if row["task_mib"] else f"{mib / _MIB_A_CPU:.1f}"
        why = (
            f"{_WHY[row['decided_by']]}, and it fails if that is too small"
            if is_fixed(row)
            else _WHY[row["decided_by"]]
        )
        made.add_row(
            row["name"], "as a task" if row["task_mib"] else "in the function", memory, cpu, why
        )
    heading = Text.assemble((answer["line"], "bold"), ("  from the next attempt on", "dim"))
    return Group(heading, made, Text(_limit(answer), "dim"))


def is_fixed(row: ComputeRow) -> bool:
    """Whether an operator's word keeps a Ripple where it is, though that be too small: pinned to
    the function, or to a size.
    """
    pin = row["pin"]
    return pin is not None and (pin["on"] == "lambda" or pin["memory_mib"] > 0)


def _limit(answer: ComputeAnswer) -> str:
    has = f"An attempt has {durations.exact(answer['function']['seconds'])} in the function"
    here = [row["name"] for row in answer["ripples"] if is_fixed(row) and not row["task_mib"]]
    if not here:
        return f"{has}; one that needs more goes on as a task."
    if len(here) == len(answer["ripples"]):
        return f"{has}; one that needs more fails, for it is pinned there."
    return (
        f"{has}; one that needs more goes on as a task, but fails where it is pinned there: "
        f"{', '.join(here)}."
    )
