"""Foreign text: made safe to store, and safe to show.

Errors, tracebacks, log lines, names, messages of external runs and cell values are written by
others. Each of them passes through this module once before it is stored (:func:`readable`, and
:class:`~duckstring.model.masks.Masks` if the Catchment's secret is known) and once more before a
person sees it (:func:`for_terminal`, :func:`json_text`).
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from duckstring.model.masks import Masks

__all__ = [
    "MOST",
    "Redactor",
    "cut",
    "for_terminal",
    "harmless_json",
    "json_text",
    "masked",
    "plain",
    "readable",
]

MOST = 1_000_000
"""Characters that :func:`readable` keeps of one text. What is longer loses its middle."""

_SEAM = 20_000
"""Characters that are searched for secrets on each side of what is left out, and left out too."""
_OURS = ("DUCKSTRING_", "MINISTACK_")
_DEEPEST, _DEEPEST_SHOWN = 8, 100
_MOST_VALUES = 100_000
"""Of one tree: a list that has itself in it a hundred times has no end."""
_MOST_BITS = 2_000
"""Python turns no longer integers into text where somebody has set its limit as low as that
goes.
"""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")
_ODD = re.compile(r"[^\x20-\x7e]")
_ODD_JSON = re.compile(r"[^\x20-\x7e\n\t]")
_SUSPECT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Control codes, marks of direction, and what takes no room on a screen. The variation selectors
that emoji end with may stay.
"""
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_ESCAPED_BYTES = range(0xDC80, 0xDD00)
"""Python keeps a byte that it could not decode as one of these (``surrogateescape``)."""


def readable(value: object, *, most: int = MOST) -> str:
    """Any object as text that every store accepts, whatever its author made of ``__str__``.

    Undecodable bytes, lone surrogates and NUL are written with backslashes: ``\\xff``, ``\\ud800``,
    ``\\x00``. All else stays as it is, line ends and control codes included.

    Args:
        value: text, bytes, an exception, or anything that ``str`` takes.
        most: characters of the text that are kept.

    Returns:
        Valid Unicode without NUL, of at most ``most`` characters.
    """
    return cut(_UNSTORABLE.sub(_escape_found, _text_of(value)), most)


def masked(value: object, masks: Masks, *, most: int = MOST) -> str:
    """:func:`readable`, without secrets. Cutting the text leaves no part of a secret."""
    text = _UNSTORABLE.sub(_escape_found, _text_of(value))
    if len(text) <= 2 * (MOST + _SEAM):
        return cut(masks.mask(text), most)
    # Too long to be searched: what a cut has left of a secret lies at the very ends of what is left
    # out.
    head, tail = (
        masks.mask(text[: MOST + _SEAM])[:-_SEAM],
        masks.mask(text[-MOST - _SEAM :])[_SEAM:],
    )
    return cut(f"{head}... ({len(text) - 2 * MOST:,} characters left out) ...{tail}", most)


class Redactor:
    """Through this a process stores and logs what others have written. It learns the secrets as
    the process reads them.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """``environment``: variables of which those count whose name says that they are secret;
        none of the product's own.
        """
        # To show text, no patterns of secrets are needed: the command starts without them.
        from duckstring.model.masks import Masks  # noqa: PLC0415

        known = {
            name: value for name, value in (environment or {}).items() if not name.startswith(_OURS)
        }
        self._masks = Masks({}, known)

    def learn(
        self, entries: Mapping[str, str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Mask these, too; of ``environment`` those whose names say that they are secret. What was
        learnt before stays: a secret that is replaced may be in texts for long.
        """
        self._masks = self._masks.renewed(entries, environment)

    def text(self, value: object, *, most: int = MOST) -> str:
        """``masked`` by what is known now."""
        if type(value) is str and len(value) <= most and self._masks.is_plain(value):
            return value
        return masked(value, self._masks, most=most)

    def tree(self, value: object, *, most: int = MOST) -> object:
        """A value as JSON has it, each text, key and number in it redacted. What JSON does not
        have becomes text.
        """
        return _Tree(lambda one: self.text(one, most=most), self._masks.number).of(value, _DEEPEST)

    def line(self, value: object) -> str:
        """``tree`` as one line of JSON, for a log."""
        return json_text(self.tree(value))


def plain(
    value: object,
    clean: Callable[[object], str] = readable,
    *,
    depth: int = _DEEPEST,
    most: int = _MOST_VALUES,
) -> object:
    """A value as JSON has it: whatever code of its author's would raise, and whatever JSON does not
    have, it becomes text.

    Args:
        value: any object.
        clean: makes the texts.
        depth: how deep lists and mappings are followed.
        most: how many members of each are taken.
    """
    return _Tree(clean, lambda _: None, most).of(value, depth)


class _Tree:
    """Makes one value plain."""

    def __init__(
        self,
        clean: Callable[[object], str],
        number: Callable[[float], str | None],
        most: int = _MOST_VALUES,
    ) -> None:
        """``number``: what is to be said in the place of one."""
        self._clean, self._hidden, self._most, self._left = clean, number, most, _MOST_VALUES

    def of(self, value: object, depth: int) -> object:
        self._left -= 1
        if value is None or value is True or value is False:
            return value
        # Subclasses may misreport their text and their class.
        if issubclass(type(value), int):
            return self._number(int.__int__(cast("int", value)))
        if issubclass(type(value), float):
            return self._number(float.__float__(cast("float", value)))
        return self._within(value, depth) if self._left >= 0 else "..."

    def _within(self, value: object, depth: int) -> object:
        match self._members(value) if depth else None:
            case dict() as found:
                return {self._clean(key): self.of(one, depth - 1) for key, one in found.values()}
            case list() as found:
                return [self.of(one, depth - 1) for one in found]
            case _:
                return self._clean(value)

    def _number(self, value: float) -> object:
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            return f"<an integer of {value.bit_length():,} bits>"
        if not math.isfinite(value):
            return {"nan": "NaN", "inf": "Infinity"}.get(str(value), "-Infinity")
        hidden = self._hidden(value)
        return value if hidden is None else hidden

    def _members(self, value: object) -> dict[int, tuple[object, object]] | list[object] | None:
        """Those of a mapping with their keys. Methods of an author's own class are passed by, or
        may raise what they like.
        """
        try:
            if isinstance(value, dict):
                return dict(enumerate(islice(dict.items(value), self._most)))
            if isinstance(value, (list, tuple, set, frozenset)):
                kind = next(
                    kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind)
                )
                return list(
                    islice(cast("type[Iterable[object]]", kind).__iter__(value), self._most)
                )
            return (
                dict(enumerate(islice(value.items(), self._most)))
                if isinstance(value, Mapping)
                else None
            )
        except BaseException:  # noqa: BLE001 - SystemExit of an author's items() included
            return None


def cut(text: str, most: int) -> str:
    """At most ``most`` characters: what is left out is in the middle, for errors are named at an
    end.
    """
    if len(text) <= most:
        return text
    note = f"... ({len(text) - most:,} characters left out) ..."
    room = max(most - len(note), 0)
    tail = room // 2
    return (text[: room - tail] + note + text[len(text) - tail :])[:most]


def for_terminal(text: str, *, lines: bool = False) -> str:
    r"""Text that has no effect on a terminal except being shown.

    Control codes (C0, C1, DEL), marks of direction, other invisible characters and lone surrogates
    become escapes that can be read: ``\x1b``, ``\u202e``.

    Args:
        text: any.
        lines: keep ``\n`` and ``\t``, and take ``\r\n`` for the end of a line. Otherwise they are
            escaped, too: the text is one line.
    """
    if text.isprintable() and not _SUSPECT.search(text):
        return text
    if lines:
        text = text.replace("\r\n", "\n")
    kept = "\n\t" if lines else ""
    return _ODD.sub(
        lambda found: found[0] if found[0] in kept or _is_visible(found[0]) else _escape(found[0]),
        text,
    )


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON that a terminal may show: what :func:`for_terminal` would escape is escaped as JSON does
    it, so programs read the same.

    It is JSON whatever ``value`` is: numbers that JSON does not have are texts, ``"NaN"``.
    """
    try:
        text = json.dumps(
            value, indent=indent, ensure_ascii=False, default=readable, allow_nan=False
        )
    except (ValueError, TypeError, RecursionError):
        kept = plain(
            value, lambda one: one if type(one) is str else readable(one), depth=_DEEPEST_SHOWN
        )
        text = json.dumps(kept, indent=indent, ensure_ascii=False)
    return harmless_json(text)


def harmless_json(text: str) -> str:
    """JSON, or a part of it, in which what :func:`for_terminal` would escape is escaped as JSON
    does it.
    """
    return _ODD_JSON.sub(
        lambda found: found[0] if _is_visible(found[0]) else _escape_json(found[0]), text
    )


def _text_of(value: object) -> str:
    """Code of the author's runs here: whatever it raises, the text is needed."""
    try:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value).decode("utf-8", "backslashreplace")
        # Any method of a subclass of str may be wrong.
        return str.__str__(value) if isinstance(value, str) else str.__str__(str(value))
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of an author's __str__ included
        return (
            f"<{_name_of(type(value))}: its text cannot be had, for that raised "
            f"{_name_of(type(error))}>"
        )


def _name_of(kind: type) -> str:
    """A metaclass may misreport it as well."""
    return str.__str__(type.__dict__["__name__"].__get__(kind))


def _is_visible(one: str) -> bool:
    return not _SUSPECT.match(one) and (one.isprintable() or unicodedata.category(one) == "Zs")


def _escape_found(found: re.Match[str]) -> str:
    return _escape(found[0])


def _escape(one: str) -> str:
    code = ord(one)
    if one in _SHORT:
        return _SHORT[one]
    if code in _ESCAPED_BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return (
        f"\\x{code:02x}"
        if code < 0x100  # noqa: PLR2004
        else f"\\u{code:04x}"
        if code < 0x10000  # noqa: PLR2004
        else f"\\U{code:08x}"
    )


def _escape_json(one: str) -> str:
    units = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
