"""In which forms a secret may turn up in a text: as it is, escaped by JSON, ``repr`` or a URL,
in Base64, in hexadecimal, in parts.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import AnyStr
from urllib.parse import unquote, urlsplit

from duckstring.model.secret_names import is_secret_name
from duckstring.model.secret_patterns import find_known

LEAST, LEAST_NAMED = 8, 6
"""Characters of a value that is masked; where its name says that it is secret, fewer do. Shorter
ones are in too many words.
"""
_PIECE, _SHARED = 1_000, 10
"""A long value is looked for in pieces. What two of them share leaves no sign between them, in
Base64 either.
"""
_MOST_PARTS = 500
_DEPTH = 8

_PLAIN_WORDS = frozenset(
    {
        "default",
        "enabled",
        "disabled",
        "required",
        "optional",
        "localhost",
        "production",
        "staging",
        "development",
    }
)
_PLAIN = re.compile(
    r"[+-]?(?=[\d.]{1,8}+(?![\d.]))\d{1,7}(?:\.\d*)?"  # numbers
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?"  # days and instants
    r"|[a-z]{2}(?:-[a-z]{2,12}){1,3}-\d{1,2}[a-z]?"  # regions
)
_ARMOUR = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")
_ALNUM = re.compile(r"[A-Za-z0-9]+")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_QUOTED = {"'": (r"'\\''", "'\"'\"'", "''"), '"': ('""',)}
"""As shells, SQL and CSV write a quotation mark within such marks."""
_SHORT = {"\n": "n", "\t": "t", "\r": "r"}
_LONGEST_ESCAPE = 10
_ESCAPE_ENDS = re.compile(
    r"(?:\\(?:[abefnrtv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3})|%(?:25){0,3}[0-9a-fA-F]{2}|[\[;]\d{1,2}m)\Z"
)


@dataclass(frozen=True)
class Form:
    """One text to look for. ``name`` is what is shown in its place."""

    name: str
    text: str
    whole: bool = False
    """Only where no letter or digit stands behind it, nor before it: see :func:`stands_alone`."""
    anchor: str = field(init=False)
    """Letters and digits that are in each of its spellings: a text without them need not be
    searched.
    """

    def __post_init__(self) -> None:
        """Find the anchor."""
        object.__setattr__(self, "anchor", max(_ALNUM.findall(self.text), key=len, default=""))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """All its spellings."""
        return self._compiled(f"{re.escape(self.text)}|{_spelt(self.text)}")

    @cached_property
    def filled(self) -> re.Pattern[str]:
        """The same where blanks may be gone, as they are where a text that was filled to a width
        is joined again.
        """
        return (
            self._compiled(_spelt(self.text, blanks="?+"))
            if re.search(r"\s", self.text)
            else self.pattern
        )

    def _compiled(self, found: str) -> re.Pattern[str]:
        return re.compile(f"(?:{found})(?![A-Za-z0-9])" if self.whole else found)


def stands_alone(text: str, start: int) -> bool:
    """Whether no letter or digit stands before ``start``; the last one of an escape (``\\n``,
    ``%3D``, ``\\xa9``, a colour) is none.
    """
    before = text[start - 1 : start]
    if not (before.isascii() and before.isalnum()):
        return True
    return _ESCAPE_ENDS.search(text, max(start - _LONGEST_ESCAPE, 0), start) is not None


def forms_of(name: str, value: str) -> Iterator[Form]:
    """What to look for of one entry. Nothing, if its value is too short or too common to be
    distinguished from ordinary words.
    """
    shown = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:64]
    parts = dict.fromkeys(_parts(name, value, 0))
    for part, is_named in list(parts)[:_MOST_PARTS]:
        if _is_maskable(part, is_named=is_named):
            yield from _spellings(shown, part)


def _parts(name: str, value: str, depth: int) -> Iterator[tuple[str, bool]]:
    """A value, and what a program would take out of it: with whether its name says that it is
    secret.
    """
    named = is_secret_name(name)
    yield value, named
    if value != value.strip():
        yield value.strip(), named
    if (leaves := list(_leaves(name, value, depth))) or depth > _DEPTH:
        yield from leaves
        return
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from ((line, False) for line in lines if not _ARMOUR.fullmatch(line))
    for secret in _in_url(value):
        yield secret, True
    for start, end in find_known(value):
        yield value[start:end], True
    if "%" in value and (plain := unquote(value)) != value:
        yield plain, named


def _leaves(name: str, value: str, depth: int) -> Iterator[tuple[str, bool]]:
    """The texts in a JSON value. Where keys call some of them secret, the others are settings."""
    if value.strip()[:1] not in {"{", "["}:
        return
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return
    for key, text in list(_called_secret(found, depth)) or list(_flat(name, found, depth)):
        yield from _parts(key, text, depth + 1)


def _called_secret(found: object, depth: int) -> Iterator[tuple[str, str]]:
    """The texts below names that say so; of what lies below such a name, those that are called
    so again, or all.
    """
    if depth > _DEPTH:
        return
    if isinstance(found, list):
        for value in found:
            yield from _called_secret(value, depth + 1)
    elif isinstance(found, dict):
        for key, value in found.items():
            closer = list(_called_secret(value, depth + 1))
            yield from closer or (_flat(key, value, depth + 1) if is_secret_name(key) else ())


def _flat(key: str, found: object, depth: int) -> Iterator[tuple[str, str]]:
    """All texts, each with the name that says most of it: its own, or that above it if only that
    one says that it is secret.
    """
    if depth > _DEPTH:
        return
    match found:
        case dict():
            for name, value in found.items():
                yield from _flat(
                    key if is_secret_name(key) and not is_secret_name(name) else name,
                    value,
                    depth + 1,
                )
        case list():
            for value in found:
                yield from _flat(key, value, depth + 1)
        case str():
            yield key, found
        case bool() | None:
            return
        case _:
            yield key, str(found)


def _in_url(value: str) -> Iterator[str]:
    if "://" not in value or "@" not in value:
        return
    try:
        password = urlsplit(value).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)


def _is_maskable(text: str, *, is_named: bool) -> bool:
    if len(text) < (LEAST_NAMED if is_named else LEAST) or len(set(text)) < 3:  # noqa: PLR2004 - "--------", "********"
        return False
    return text.lower() not in _PLAIN_WORDS and not _PLAIN.fullmatch(text)


def _spellings(name: str, text: str) -> Iterator[Form]:
    if len(text) < LEAST:
        yield Form(name, text, whole=True)
        return
    for piece in _pieces(text):
        yield Form(name, piece)
    for raw in _pieces(text.encode("utf-8", "surrogatepass")):
        for coded in dict.fromkeys(_in_base64(raw)):
            yield Form(name, coded)
        yield Form(name, raw.hex())
        yield Form(name, raw.hex().upper())


def _pieces(whole: AnyStr) -> Iterator[AnyStr]:
    """Parts that overlap; none is short, unless the whole is: a piece of two letters would be in
    every word.
    """
    for at in range(0, len(whole) - _PIECE, _PIECE - _SHARED):
        yield whole[at : at + _PIECE]
    yield whole[-_PIECE:]


def _in_base64(raw: bytes) -> Iterator[str]:
    """It may begin at any of the three bytes of a group: of those that it shares with its
    neighbours nothing is known.
    """
    for before in range(3):
        known = (len(raw) + before) * 8 // 6
        skipped = -(-before * 8 // 6)
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * before + raw).decode()[skipped:known]


def _spelt(text: str, blanks: str = "") -> str:
    """A pattern for the text with any of its signs escaped, as a URL, JSON, ``repr`` or HTML does.
    It never looks back.

    ``blanks``: how often each blank may be there; once, if nothing is said.
    """
    return "".join(
        _sign(sign) + (blanks if sign.isspace() else "")
        for sign in re.findall(r"\\+|.", text, re.DOTALL)
    )


def _sign(sign: str) -> str:
    if sign.isascii() and sign.isalnum():
        return sign
    if sign[0] == "\\":
        return rf"(?>\\{{{len(sign)},{8 * len(sign)}}}+|(?:{_percent(chr(92))}){{{len(sign)}}}+)"
    code = ord(sign)
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    escapes = [
        *([f"r?{_SHORT[sign]}"] if sign in _SHORT else []),
        *([f"x{_hex(f'{code:02x}')}"] if code < 0x100 else []),  # noqa: PLR2004
        r"\\{1,8}+".join(f"u{_hex(units[at : at + 4])}" for at in range(0, len(units), 4)),
        f"U{_hex(f'{code:08x}')}",
    ]
    encoded = sign.encode("utf-8", "surrogatepass")
    if len(encoded) > 1:
        escapes.append(r"\\{1,8}+".join(f"x{_hex(f'{byte:02x}')}" for byte in encoded))
    entity = f"|{_ENTITIES[sign]}" if sign in _ENTITIES else ""
    ways = [
        *_QUOTED.get(sign, ()),
        _percent(sign),
        *([r"\+"] if sign == " " else []),
        *([r"\r\n"] if sign == "\n" else []),
        f"&(?:#{code}|#[xX]{_hex(f'{code:x}')}{entity});",
        rf"\\{{1,8}}+(?>{'|'.join(escapes)})",
        rf"\\{{0,8}}+{re.escape(sign)}",
    ]
    return f"(?>{'|'.join(ways)})"


def _percent(sign: str) -> str:
    """Encoded up to three times over."""
    return "".join(
        f"%(?:25){{0,2}}{_hex(f'{byte:02x}')}" for byte in sign.encode("utf-8", "surrogatepass")
    )


def _hex(digits: str) -> str:
    """Of any case."""
    return re.sub("[a-f]", lambda found: f"[{found[0]}{found[0].upper()}]", digits)
