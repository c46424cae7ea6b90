"""The files of checks in SQL, ``src/checks/NAME.sql``: one SELECT of the rows that must not exist.

Lines of the comment at the top may set what ``@check`` takes: ``-- severity: warn``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from duckstring.author.check import SEVERITIES, DeclaredCheck
from duckstring.author.errors import RippleError
from duckstring.author.sql_file import SUFFIX, SqlFile, option_lines
from duckstring.errors import nearest
from duckstring.model.checks import Severity
from duckstring.model.foreign import for_terminal
from duckstring.model.names import CHECKS_FOLDER, POND_NAME

_OPTIONS = ("severity", "needs_previous")
_ALIKE = 0.8
_FLAGS = {"true": True, "false": False}


def find_checks(root: Path) -> tuple[list[DeclaredCheck], list[RippleError]]:
    """The checks in a package's SQL files, by name, and what is wrong with their names and options.

    Args:
        root: the unpacked package.
    """
    found: list[DeclaredCheck] = []
    faults: list[RippleError] = []
    for file in _files(root):
        refused = list(_misnamed(file))
        if not refused:
            try:
                one, refused = _declared(file)
            except RippleError as fault:
                refused = [fault]
            else:
                found.append(one)
        faults += refused
    return found, faults


def _files(root: Path) -> list[SqlFile]:
    folder = root / CHECKS_FOLDER
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() == SUFFIX)
    return [SqlFile(path, path.relative_to(root).as_posix()) for path in paths if path.is_file()]


def _misnamed(file: SqlFile) -> Iterator[RippleError]:
    name, place = for_terminal(file.path.name), for_terminal(file.shown)
    if not POND_NAME.fullmatch(file.name) or file.path.suffix != SUFFIX:
        yield RippleError(
            f"{place}: a check cannot be called {name!r}; allowed: a lower-case letter, then "
            "lower-case letters, digits and _, at most 48, and .sql.",
            hint="Rename the file.",
        )
    elif file.shown != f"{CHECKS_FOLDER}/{file.path.name}":
        yield RippleError(
            f"{place}: it lies too deep; allowed: {CHECKS_FOLDER}/{name}.",
            hint=f"Move checks into {CHECKS_FOLDER}, and other SQL out of it.",
        )


def _declared(file: SqlFile) -> tuple[DeclaredCheck, list[RippleError]]:
    given: dict[str, str] = {}
    faults: list[RippleError] = []
    for number, word, value in option_lines(file.text()):
        if word in _OPTIONS and word not in given:
            given[word] = value.lower()
        elif word in given or nearest(word, _OPTIONS, cutoff=_ALIKE):
            faults.append(_bad_option(f"{file.shown}:{number}", word, twice=word in given))
    severity, flag = given.get("severity", "fail"), given.get("needs_previous", "false")
    if severity not in SEVERITIES:
        what = f"severity: {for_terminal(severity)}; allowed: fail or warn."
        faults.append(RippleError(f"{file.shown}: {what}", hint="Write -- severity: warn"))
    if flag not in _FLAGS:
        what = f"needs_previous: {for_terminal(flag)}; allowed: true or false."
        faults.append(RippleError(f"{file.shown}: {what}", hint="Write -- needs_previous: true"))
    known: Severity = "warn" if severity == "warn" else "fail"
    needs = _FLAGS.get(flag, False)
    return DeclaredCheck(file.name, file.text, known, needs, file), faults


def _bad_option(where: str, word: str, *, twice: bool) -> RippleError:
    meant = nearest(word, _OPTIONS, "did you mean {}?", cutoff=_ALIKE)
    what = f"{word}: stands there twice." if twice else f"unknown option {word}:; {meant}"
    return RippleError(
        f"{where}: {what} Allowed: {', '.join(_OPTIONS)}.", hint="Correct the comment."
    )
