"""``duckstring completion``: teach the shell the commands and the Catchment's names."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from duckstring.errors import nearest
from duckstring_cli import render
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

_BASH = r"""_duckstring() {
    local IFS=$'\n' found line
    COMPREPLY=()
    found="$("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)"
    if [ $? -eq 3 ]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$2"))
        return
    fi
    while read -r line; do
        [ -n "$line" ] && COMPREPLY+=("$line")
    done <<< "$found"
}
complete -F _duckstring duckstring ds
"""
_ZSH = r"""_duckstring() {
    local found line
    local -a values shown
    found="$("${words[1]}" __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)"
    if [ $? -eq 3 ]; then
        _files
        return
    fi
    for line in "${(@f)found}"; do
        [ -n "$line" ] || continue
        values+=("${line%%$'\t'*}")
        shown+=("${line//$'\t'/  -- }")
    done
    compadd -l -d shown -a values
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _duckstring duckstring ds
"""
_FISH = r"""function __duckstring_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (command $words[1] __complete fish $words[2..-1] 2>/dev/null)
    if test $status -eq 3
        __fish_complete_path (commandline -ct)
        return
    end
    printf '%s\n' $found
end
complete -c duckstring -f -a '(__duckstring_complete)'
complete -c ds -f -a '(__duckstring_complete)'
"""
SCRIPTS = {"bash": _BASH, "fish": _FISH, "zsh": _ZSH}
_READ_AT_START = {"bash": Path(".bashrc"), "zsh": Path(".zshrc")}
_FISH_FILE = Path(".config", "fish", "conf.d", "duckstring.fish")


def completion(
    shell: Annotated[
        str,
        typer.Argument(metavar="SHELL", show_default=False, help=f"One of {', '.join(SCRIPTS)}."),
    ],
    install: Annotated[
        bool, typer.Option("--install", help="Write it where the shell reads it when it starts.")
    ] = False,
) -> None:
    """Print what completes command lines in a shell, for duckstring and ds.

    Commands, options, and the names of Ponds, runs, Ripples, tables and Catchments.
    """
    if shell not in SCRIPTS:
        raise BadInputError(
            f"No shell {shell!r}; allowed: {', '.join(SCRIPTS)}.", hint=nearest(shell, [*SCRIPTS])
        )
    if not install:
        sys.stdout.write(SCRIPTS[shell])
        return
    file = _install(shell, Path.home())
    render.say(f"[green]✓[/] {escape(str(file))} completes duckstring and ds")
    render.err().print("[dim]Next: open a new shell[/]")


def _install(shell: str, home: Path) -> Path:
    """Write the script, and where it must be said the line that reads it, once."""
    from duckstring_cli.local.home import home as ours
    from duckstring_cli.local.home import using

    file = home / _FISH_FILE if shell == "fish" else ours() / f"completion.{shell}"
    with using(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SCRIPTS[shell], encoding="utf-8")
        if started := _READ_AT_START.get(shell):
            line = f"source {shlex.quote(str(file.absolute()))}\n"
            held = (home / started).read_text() if (home / started).exists() else ""
            if line not in held:
                gap = "" if held.endswith("\n") or not held else "\n"
                (home / started).write_text(f"{held}{gap}{line}")
    return file
