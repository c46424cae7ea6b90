"""What stands behind a name that says it is secret: ``token=...``, ``"password": "..."``,
``--api-key ...``, ``<pwd>...</pwd>``.

All texts are in small letters here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class _Name(NamedTuple):
    stem: str
    """A text without it has no such name."""
    pattern: re.Pattern[str]
    """Begins with the stem, so that it is quick to look for."""
    plain: bool = False
    """Also a word of sentences, and of what parsers say: ``unexpected token: 'x'``."""


_KINDS = (
    "api",
    "access",
    "secret",
    "private",
    "account",
    "signing",
    "encryption",
    "master",
    "storage",
    "fernet",
)
_KEY = "|".join(f"(?<={kind}{between}key)" for kind in _KINDS for between in ("", "_", "-"))
_NAMES = (
    _Name("passw", re.compile("passw(?:or)?d")),
    _Name("passphrase", re.compile("passphrase")),
    _Name("pwd", re.compile("pwd")),
    _Name("identified by", re.compile("identified by")),
    _Name("key", re.compile(f"key(?:{_KEY})")),
    _Name("authorization", re.compile("authorization")),
    _Name("sig", re.compile(r"sig(?<![a-z0-9]sig)(?==|%)")),
    _Name("secret", re.compile("secret"), plain=True),
    _Name("token", re.compile("token"), plain=True),
    _Name("credential", re.compile("credential"), plain=True),
    _Name("signature", re.compile("signature"), plain=True),
)
STEMS = tuple(name.stem for name in _NAMES)

_BETWEEN = re.compile(
    r"""(?P<direct>=(?!=)|%(?:25){0,2}3d)                                  # name=
    |(?P<key>\\*+["']\s*+:\s*+)                                            # "name":
    |(?P<pair>\\*+["'],?\s{1,8}\\*+["']?value\\*+["']?\s{0,4}[:=]\s{0,4})  # "name", "value":
    |(?P<item>\\*+["'],\s*+)                                               # ("name",
    |(?P<compared>["']?\]?\s{0,4}[!:=]=\s{0,4})                            # name ==
    |(?P<assigned>["']?\]?\s{0,4}=\s{0,8})                                 # name =
    |(?P<line>:\s{1,8})                                                    # name:
    |(?:\s[^<>]{0,256}+)?>(?!\*\*\*)(?P<element>[^<>\r\n]{1,1024}+)</      # <name>...
    |(?P<blank>\s{1,8})                                                    # --name
    """,
    re.VERBOSE,
)
_OPENED = re.compile(r"[bru]?(\\*+)([\"'])")
_MARK = re.compile(r"(?<!\\)(\\*+)([\"'])|[\r\n]")
_SAYS_NOTHING = re.compile(
    r"\*\*\*.*|\.+|(?:none|null|true|false)|\{.*\}|\$\{.*\}|%\(.*\)s", re.DOTALL
)
"""Masked already, left out, or a place where a secret will be put."""
_CODE = (
    r"(?!\*\*\*|[{$]|(?:none|null|true|false)\b|[a-z_][\w.]*[(\[](?![^\s\"'()\[\]]{0,64}[)\]]\w))"
)
"""Not a secret but source code that gets one, as a traceback shows it; or masked already."""
_IN_BRACKETS = (
    r"""\[[^\s\[\]"'<>]{1,256}+\]|<[^\s<>"']{1,256}+>"""
    # as ODBC does
    r"""|\{(?=[^{}\r\n"'()]{0,256}[;,@#$%^&*=+/\\|~?-])[^{}\r\n"'()]{1,256}+\}[^\s;&,"'<>]*+"""
)
_BARE = {
    "direct": re.compile(
        rf"""({_IN_BRACKETS}|{_CODE}(?:(?!%(?:25)?26)(?:[^\s&;,"'<>()\[\]{{}}|]|[)\]}}](?=\w)|[(\[{{](?=[^\s"'()\[\]{{}}]{{0,64}}[)\]}}]\w)"""
        r"""|,(?!\w{1,64}=)(?=[^\s"',()\[\]{}<>])))++)"""
    ),
    "key": re.compile(r"(-?\d[\d.]{5,}+)(?![\w.])"),
    "assigned": re.compile(rf"{_CODE}(?=[^\s\d]{{0,256}}+\d)([^\s,;\"'(){{}}<>\[\]]{{8,}}+)"),
    "line": re.compile(rf"{_CODE}(?=[^\s\d]{{0,256}}+\d)([^\s,;\"'(){{}}<>\[\]]{{6,}}+)"),
    "whole line": re.compile(rf"{_CODE}([^\s,;\"'(){{}}<>\[\]]{{8,}}+)(?=[ \t]*+(?:\r?\n|\Z))"),
    "blank": re.compile(r"(?![-*{$])([^\s\"'<>]++)"),
}
_OPTION = re.compile(r"--[\w-]{0,64}\Z")
_FIRST_OF_PAIR = re.compile(r"\(b?\\*+[\"'][\w.-]{0,64}\Z")
_PAIR_ENDS = re.compile(r"\\*+[\"'],?\s{0,4}\)")
_LINE_BEGINS = re.compile(r"^[ \t>*-]*+[\w.-]{0,64}\Z", re.MULTILINE)
_BACK = 72
_LEAST, _LEAST_SQL, _LEAST_PLAIN = 3, 6, 16
_UNCLOSED = 1_024
"""Characters that count of a value whose end was cut off."""


def find_fields(low: str) -> Iterator[tuple[int, int]]:
    """Where such values are in a text that has small letters only: start and end of each."""
    for name in _NAMES:
        if name.stem in low:
            yield from _of_name(low, name)


def _of_name(low: str, name: _Name) -> Iterator[tuple[int, int]]:
    at = 0
    while found := name.pattern.search(low, at):
        at = found.end()
        if (between := _BETWEEN.match(low, at)) and (span := _value(low, found, between, name)):
            yield span
            at = max(at, span[1])


def _value(
    low: str, found: re.Match[str], between: re.Match[str], name: _Name
) -> tuple[int, int] | None:
    kind = str(between.lastgroup)
    if kind == "element":
        return between.span(kind)
    if (
        kind == "item"
        and not _before(low, found, _OPTION)
        and not _before(low, found, _FIRST_OF_PAIR)
    ):
        return None
    if kind == "blank" and not _before(low, found, _OPTION):
        kind = "sql"
    if opened := _OPENED.match(low, between.end()):
        return _in_quotes(low, found, opened, kind, name)
    if kind == "line" and (name.stem == "key" or _before(low, found, _LINE_BEGINS)):
        return _bare(low, between.end(), "line") or _bare(low, between.end(), "whole line")
    return _bare(low, between.end(), kind)


def _before(low: str, found: re.Match[str], what: re.Pattern[str]) -> bool:
    return what.search(low, max(found.start() - _BACK, 0), found.start()) is not None


def _bare(low: str, start: int, kind: str) -> tuple[int, int] | None:
    pattern = _BARE.get(kind)
    found = pattern.match(low, start) if pattern else None
    return found.span(1) if found else None


def _in_quotes(
    low: str, found: re.Match[str], opened: re.Match[str], kind: str, name: _Name
) -> tuple[int, int] | None:
    start, (end, closed) = opened.end(), _closed(low, opened, doubled=kind == "sql")
    value = low[start:end]
    if len(value) < _least(low, found, kind, name) or _SAYS_NOTHING.fullmatch(value):
        return None
    if kind == "item":
        is_value = value[0] != "-" if _before(low, found, _OPTION) else _PAIR_ENDS.match(low, end)
        return (start, end) if is_value else None
    return (start, end) if closed or kind in {"direct", "key", "assigned"} else None


def _least(low: str, found: re.Match[str], kind: str, name: _Name) -> int:
    """Characters of a value in quotation marks that count: sentences have some, too."""
    is_part = low[max(found.start() - 1, 0) : found.start()] in {"_", "-"}
    match kind:
        case "sql" | "line" if name.plain and not is_part:
            return _LEAST_PLAIN
        case "sql" if name.plain or name.stem == "key":
            return _LEAST_SQL
        case _:
            return _LEAST


def _closed(low: str, opened: re.Match[str], *, doubled: bool) -> tuple[int, bool]:
    r"""Where the text ends that ``opened`` begins, and whether its end is there. Within ``\"`` a
    mark of its own is ``\\\"``.
    """
    slashes, mark = len(opened[1]), opened[2]
    skipped = -1
    for found in _MARK.finditer(low, opened.end()):
        if not found[2]:
            return min(found.start(), opened.end() + _UNCLOSED), False
        more = len(found[1]) - slashes
        if found[2] != mark or found.start() == skipped or (more > 0 and more % (2 * slashes + 2)):
            continue
        if doubled and low[found.end() : found.end() + 1] == mark:
            skipped = found.end()
            continue
        return (found.end() - 1 - slashes if more > 0 else found.start()), True
    return min(len(low), opened.end() + _UNCLOSED), False
