"""What the shell offers for a half-typed command line: commands, options, and names that the
Catchment knows.

The shell calls ``duckstring __complete SHELL WORD...``; the last word is the one being typed. Bash
gives its line whole, because it splits words at ``@``. Each line of the answer is a candidate, with
a tab and a description behind it where there is one. Exit code 3: files. Whatever goes wrong, the
answer is empty: nobody reads an error in the middle of a line.

Names come from outside. What is not formed as the product forms it is not offered.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckstring_cli.catchments import Catchment
    from duckstring_cli.client import Client

FILES = 3
_FRESH, _USABLE = 10.0, 86_400.0
"""Seconds: so long names are not asked for again; so long they will do if nobody answers."""
_PATIENCE = {"local": 1.0, "aws": 2.0}
_MOST = 200
_MOST_RUNS = 50
_WORD_BREAKS = "@:="
"""Where bash begins a new word within one of ours."""
_PATHS = {"PATH", "FILE", "DIR"}
_PLACES = ("lambda", "task", "auto")

Candidate = tuple[str, str]
"""A value and a description."""


class FilesWantedError(Exception):
    """The shell knows better than we what files there are."""


def answer(shell: str, words: Sequence[str]) -> int:
    """Print the candidates. Gives the exit code."""
    try:
        if shell == "bash":
            words = _split(words[0])
        found = sorted(dict(_candidates(words)).items())[:_MOST]
        sys.stdout.write("".join(f"{line}\n" for line in _lines(shell, words[-1], found)))
        sys.stdout.flush()
    except FilesWantedError:
        return FILES
    except Exception:  # noqa: BLE001 - see above
        return 1
    return 0


def _lines(shell: str, typed: str, found: Iterable[Candidate]) -> Iterator[str]:
    for value, description in found:
        if shell == "bash":
            start = max(typed.rfind(one) for one in _WORD_BREAKS) + 1
            yield shlex.quote(value[start:])
        else:
            yield f"{value}\t{description}" if description else value


def _split(line: str) -> list[str]:
    """The words of a line as bash has it, up to the cursor, without the program's name."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # a quotation that is still open
        words.append(lexer.token)
        return words[1:]
    return [*words[1:], ""] if line[-1:].isspace() else words[1:]


@dataclass(slots=True)
class _Typed:
    """How far a command line has come."""

    command: Any
    path: list[str] = field(default_factory=list)
    positional: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    pending: Any = None

    def take(self, word: str) -> None:
        """One word more."""
        if self.pending is not None:
            self.values[self.pending.name], self.pending = word, None
        elif word.startswith("-") and len(word) > 1:
            self._take_option(word)
        elif self.commands is None or len(self.positional) < len(self.arguments):
            if (place := self.argument) is not None:
                self.values[place.name] = word
            self.positional.append(word)
        else:
            self.command, self.positional = self.commands[word], []
            self.path.append(word)

    def _take_option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        option = next((one for one in self.options if name in one.opts), None)
        if option is None or option.is_flag:
            return
        if equals:
            self.values[option.name] = value
        else:
            self.pending = option

    @property
    def commands(self) -> Mapping[str, Any] | None:
        return getattr(self.command, "commands", None)

    @property
    def arguments(self) -> list[Any]:
        return [one for one in self.command.params if one.param_type_name == "argument"]

    @property
    def options(self) -> list[Any]:
        return [one for one in self.command.params if one.param_type_name == "option"]

    @property
    def argument(self) -> Any:  # noqa: ANN401 - one of Typer's
        """The one that the next word fills."""
        held = self.arguments
        if len(self.positional) < len(held):
            return held[len(self.positional)]
        return held[-1] if held and held[-1].nargs == -1 else None


def _candidates(words: Sequence[str]) -> Iterator[Candidate]:
    from duckstring_cli.groups import whole

    *before, typed = words
    line = _Typed(whole())
    for word in before:
        line.take(word)
    option, equals, begun = typed.partition("=")
    if line.pending is None and typed.startswith("-") and equals:
        line.take(f"{option}=")
        line.pending = next((one for one in line.options if option in one.opts), None)
        yield from (
            (f"{option}={value}", why) for value, why in _of(line) if value.startswith(begun)
        )
        return
    for value, why in _offered(line, typed):
        if value.startswith(typed):
            yield value, why


def _offered(line: _Typed, typed: str) -> Iterator[Candidate]:
    if line.pending is None and typed.startswith("-"):
        for option in line.options:
            for name in option.opts:
                if name.startswith("--"):
                    yield name, option.help or ""
        yield "--help", "Show this message and exit."
    elif line.pending is None and line.commands is not None and line.argument is None:
        yield from _commands(line)
    else:
        yield from _of(line)


def _commands(line: _Typed) -> Iterator[Candidate]:
    from duckstring_cli.groups import ENTRIES

    if not line.path:
        yield from ((entry.name, entry.summary) for entry in ENTRIES)
    else:
        for name, command in (line.commands or {}).items():
            yield name, command.get_short_help_str(60)


def _of(line: _Typed) -> Iterator[Candidate]:
    """Values of the option or argument that is being typed."""
    place = line.argument if line.pending is None else line.pending
    metavar = str(getattr(place, "metavar", "") or "")
    if metavar in _PATHS:
        raise FilesWantedError
    if metavar == "SHELL":
        yield from ((shell, "") for shell in ("bash", "fish", "zsh"))
    elif metavar == "PLACE":
        yield from ((one, "") for one in _PLACES)
    elif place is not None:
        names = _Names(line.values)
        yield from ((name, "") for name in names.known_as(metavar, line.path, place.name))


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of a Catchment, as a command line means them that has these ``values``."""

    values: Mapping[str, str]

    def known_as(self, metavar: str, path: Sequence[str], name: str) -> Iterable[str]:
        """Those for an argument or option that is called so."""
        if metavar == "NAME" and (name == "catchment" or path[:1] == ["catchment"]):
            return self._catchments()
        ask: Callable[[], Iterable[str]] | None = {
            "POND": self._ponds,
            "POND[.TABLE]": self._ponds,
            "RUN": self._runs,
            "RIPPLE": self._ripples,
            "TABLE": self._tables,
        }.get(metavar)
        return ask() if ask and path[:2] != ["pond", "init"] else ()

    def _catchments(self) -> list[str]:
        from duckstring_cli import catchments

        return [one.name for one in catchments.catchments() if _is_harmless(one.name)]

    def _ponds(self) -> Iterable[str]:
        from duckstring.model.names import POND_NAME

        found = self._kept(
            "ponds", lambda client: [one["pond"] for one in client.status()["lines"]]
        )
        return filter(POND_NAME.fullmatch, found)

    def _runs(self) -> Iterable[str]:
        found = self._kept(
            "runs", lambda client: [one["run"] for one in client.runs(limit=_MOST_RUNS)]
        )
        return filter(_is_run, found)

    def _ripples(self) -> Iterable[str]:
        from duckstring.model.names import POND_NAME

        pond = (self.values.get("pond") or self.values.get("run") or "").partition("@")[0]
        if not POND_NAME.fullmatch(pond):
            return ()
        found = self._kept(
            f"ripples-{pond}",
            lambda client: [
                one["name"] for line in client.status(pond)["lines"] for one in line["ripples"]
            ],
        )
        return filter(POND_NAME.fullmatch, found)

    def _tables(self) -> Iterable[str]:
        from duckstring.model.names import POND_NAME

        pond = self.values.get("pond") or ""
        if not POND_NAME.fullmatch(pond):
            return ()
        found = self._kept(
            f"tables-{pond}",
            lambda client: [one["table"] for one in client.tables(pond)["tables"]],
        )
        return filter(_is_harmless, found)

    def _kept(self, what: str, ask: Callable[[Client], list[str]]) -> list[str]:
        """Names that were asked for a moment ago; else what the Catchment says within a second or
        two; else what it said today.
        """
        from duckstring_cli import catchments, doors
        from duckstring_cli.client import Client
        from duckstring_cli.local.home import home, private_folder

        one = catchments.find(
            self.values.get("catchment") or os.environ.get("DUCKSTRING_CATCHMENT") or None
        )
        path = home() / "completion" / f"{_file_name(one)}-{what}.json"
        age, names = _read(path)
        if age < _FRESH:
            return names
        try:
            asked = ask(Client(one, invoke=doors.open_door(one, patience=_PATIENCE[one.kind])))
            found = [str(name) for name in asked]
        except Exception:
            if age < _USABLE:
                return names
            raise
        private_folder(path.parent)
        unfinished = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(found, file)
        unfinished.replace(path)
        return found


def _file_name(one: Catchment) -> str:
    from hashlib import sha256

    return sha256(f"{one.name} {one.stack} {one.region} {one.port}".encode()).hexdigest()[:16]


def _read(path: Any) -> tuple[float, list[str]]:  # noqa: ANN401 - a path
    """How old the names in a file are, in seconds, and the names; infinitely old where there are
    none.
    """
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        return max(time.time() - path.stat().st_mtime, 0.0), [str(name) for name in names]
    except (OSError, ValueError, TypeError):
        return float("inf"), []


def _is_harmless(name: str) -> bool:
    """Whether a name may be shown as it is: the shell asks for one that does nothing."""
    from duckstring.model.foreign import for_terminal

    return bool(name) and for_terminal(name) == name


def _is_run(name: str) -> bool:
    from duckstring.model.names import parse_run

    try:
        return bool(parse_run(name))
    except ValueError:
        return False
