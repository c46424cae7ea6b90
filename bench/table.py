"""One figure a line, beside the one to beat."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str
    reference: str = ""


def show(figures: Sequence[Figure]) -> None:
    print("| figure | measured | to beat |\n| --- | ---: | ---: |")
    for figure in figures:
        value = (
            f"{figure.value:.0f}"
            if figure.unit == "" and figure.value == int(figure.value)
            else f"{figure.value:.3g}"
        )
        if figure.unit == "s" and figure.value < 10:
            value = f"{figure.value:.3f}"
        name = (
            figure.name.replace("  ", "&nbsp;&nbsp;", 1)
            if figure.name.startswith("  ")
            else figure.name
        )
        print(
            f"| {name} | {value} {figure.unit} | "
            f"{figure.reference}{' ' + figure.unit if figure.reference else ''} |"
        )


def machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {memory} GB, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}; "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, load {load:.1f} at the end"
    )
