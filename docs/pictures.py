"""Draws docs/pictures/: `python docs/pictures.py CATCHMENT`, where the flights demo is deployed.

`pipeline.svg` is the demo's graph. `status.svg` and `run.svg` are what the command prints in a
terminal, while the demo runs and when it is done. The pictures load nothing from elsewhere.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from io import StringIO
from itertools import pairwise
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

FOLDER = Path(__file__).parent / "pictures"
_COLUMNS, _ROWS = 100, 50
_FONTS = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)

_LEVELS = (("flights", "weather", "planes", "airports", "airlines"), ("delays",), ("reports",))
_KINDS = (
    "Inlets: each reads a source outside",
    "a Pond of five Ripples",
    "Outlet: what people read",
)
_WIDTH, _HEIGHT = 880, 330
_STYLE = """
text { font: 15px system-ui, sans-serif; fill: #1d2733; text-anchor: middle }
.kind, .side { font-size: 13px; fill: #5b6875 }
.side { text-anchor: start }
rect { fill: #eef4fb; stroke: #3a6ea5; stroke-width: 1.5 }
.data { stroke: #3a6ea5; stroke-width: 1.5; fill: none }
.demand { stroke: #b35c00; stroke-width: 1.5; fill: none; stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .kind, .side { fill: #9aa7b4 } rect { fill: #17263a; stroke: #6fa8dc }
  .data { stroke: #6fa8dc } .demand { stroke: #f0a050 }
}
"""


def pipeline() -> str:
    """The graph of the flights demo: demand goes up (dashed), data comes down."""
    places = {
        name: (_WIDTH * (place + 1) / (len(level) + 1), 60 + 105 * row)
        for row, level in enumerate(_LEVELS)
        for place, name in enumerate(level)
    }
    drawn = [f"<style>{_STYLE}</style>"]
    for upper, lower in pairwise(_LEVELS):
        for source in upper:
            for sink in lower:
                (x, y), (to_x, to_y) = places[source], places[sink]
                top, bottom = y + 22, to_y - 22
                drawn += [
                    f'<path class="data" d="M{x - 5:.0f} {top} L{to_x - 5:.0f} {bottom}"/>',
                    f'<path class="demand" d="M{to_x + 5:.0f} {bottom} L{x + 5:.0f} {top}"/>',
                ]
    for name, (x, y) in places.items():
        drawn += [
            f'<rect x="{x - 66:.0f}" y="{y - 22:.0f}" width="132" height="44" rx="6"/>',
            f'<text x="{x:.0f}" y="{y + 5}">{name}</text>',
        ]
    for row, kind in enumerate(_KINDS):
        where = (_WIDTH / 2, 24) if row == 0 else (_WIDTH / 2 + 185, 65 + 105 * row)
        drawn.append(f'<text class="kind" x="{where[0]:.0f}" y="{where[1]}">{kind}</text>')
    drawn += [
        '<path class="demand" d="M24 268 L64 268"/><text class="side" x="72" y="273">demand</text>',
        '<path class="data" d="M24 292 L64 292"/><text class="side" x="72" y="297">data</text>',
    ]
    label = "Five Inlets are the Sources of delays, which is the Source of the Outlet reports"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT - 20}" role="img" '
        f'aria-label="{label}">\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def printed(*words: str) -> str:
    """What the command prints in a terminal, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    command = [sys.executable, "-m", "duckstring_cli.main", *words]
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)  # noqa: S603 - our own command line
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 65_536)
        except OSError:  # the command has ended
            break
    process.wait()
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def picture(title: str, text: str) -> str:
    """A terminal's text as SVG."""
    console = Console(record=True, width=_COLUMNS, file=StringIO())
    console.print(Text.from_ansi(f"$ {title}\n{text.rstrip()}"))
    return console.export_svg(
        title="", code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT), unique_id="terminal"
    )


def main() -> None:
    catchment = sys.argv[1]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "pipeline.svg").write_text(pipeline(), encoding="utf-8")
    printed("control", "force", "delays", "-c", catchment)
    printed("trigger", "pulse", "reports", "-c", catchment)
    while "running" not in (text := printed("status", "--once", "-c", catchment)):
        time.sleep(0.1)
    status = picture("duckstring status --once", text)
    (FOLDER / "status.svg").write_text(status, encoding="utf-8")
    printed("trigger", "pulse", "reports", "--watch", "-c", catchment)
    run = picture(
        "duckstring run show delays@1/1", printed("run", "show", "delays@1/1", "-c", catchment)
    )
    (FOLDER / "run.svg").write_text(run, encoding="utf-8")


if __name__ == "__main__":
    main()
