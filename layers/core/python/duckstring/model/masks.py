"""Secrets in foreign text, replaced by ``***NAME***`` before the text is stored or shown.

This prevents accidents: an error that quotes a URL, a header that is printed. It does not stop code
that wants to send a secret somewhere. docs/author.md ("What is masked") has the rules for users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from duckstring.model.secret_forms import Form, forms_of, stands_alone
from duckstring.model.secret_names import is_secret_name
from duckstring.model.secret_patterns import find_known

_MARGIN = "[ \t|│-║]"
"""Blanks and what boxes are drawn with, as one range: a sign beside it takes a third more time."""
_LINES = (
    f"(?<!{_MARGIN}){_MARGIN}*+\r?\n{_MARGIN}*+|\x1b\\[[0-9;]*+m|[\u200b-\u200d\u2060\ufeff\xad]"
)
_WRAPPED, _WRAPPED_LITERALS = (
    re.compile(_LINES),
    re.compile(f"[\"'][ \t]*+\r?\n[ \t]*+[bru]?[\"']|{_LINES}"),
)
"""What a program puts into a text that it shows: line ends, also within a box or between the parts
of a literal, colours, places where a line may be broken.
"""
_LITERAL_ENDS = re.compile(r"[\"'][ \t]*+\r?\n")
_MAY_WRAP = re.compile("[\n\x1b\u200b-\u200d\u2060\ufeff\xad]")
_NUMBER = re.compile(r"[+-]?\d{1,600}(?:\.\d{0,600})?", re.ASCII)
_NO_SECRETS = frozenset({"PWD", "OLDPWD"})
"""In an environment, folders."""
_MOST_FORMS = 5_000
"""Earlier values of a secret are kept until there are so many: a worker lives for hours, a
secret changes rarely.
"""

_SHORT, _MOST_PLAIN = 40, 2_000
"""So long, and so many, are the texts that are known to hold no secret: names of fields, in each
line of a log.
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` of a text are secret. ``name``: of which entry; empty: it
    only looks like a secret.
    """

    start: int
    end: int
    name: str = ""


class Masks:
    """The secrets that a process knows, ready to be looked for. Immutable; compiled once, where
    one is first met.
    """

    def __init__(
        self, entries: Mapping[str, str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Know what is to be masked.

        Args:
            entries: the Catchment's secret. Each value counts that is long enough to be
                distinguished from ordinary words.
            environment: variables that are settings as a rule: one counts only if its name says
                that it is secret.
        """
        self._entries = _named(environment or {}) | dict(entries)
        self._forms: tuple[Form, ...] = _unique(
            form for name, value in self._entries.items() for form in forms_of(name, value)
        )
        self._numbers = _numbers(self._forms)
        self._plain: set[str] = set()

    def is_plain(self, text: str) -> bool:
        """Whether ``text`` is known to hold no secret: it is short, and was masked before."""
        return text in self._plain

    def mask(self, text: str) -> str:
        """``text`` without secrets. Masking what is masked changes nothing."""
        if text in self._plain:
            return text
        spans = [
            *self._found(text),
            *self._found_wrapped(text),
            *(Span(*span) for span in find_known(text)),
        ]
        if spans:
            return _covered(text, spans)
        if len(text) <= _SHORT and len(self._plain) < _MOST_PLAIN:
            self._plain.add(text)
        return text

    def number(self, value: float) -> str | None:
        """What stands for a number that is a secret, or has one in it; nothing for others. It
        must have a text: see ``plain``.
        """
        if not self._numbers:
            return None
        if name := self._numbers.get(value):
            return f"***{name}***"
        text = repr(value)
        found = self.mask(text)
        return None if found == text else found

    def renewed(
        self, entries: Mapping[str, str], environment: Mapping[str, str] | None = None
    ) -> Masks:
        """These masks and those of ``entries`` and ``environment``: after a secret has changed,
        its old value may still be said.
        """
        both = _named(environment or {}) | dict(entries)
        if both.items() <= self._entries.items():
            return self
        made = Masks(both)
        made._entries = self._entries | made._entries
        made._forms = _unique((*made._forms, *self._forms))[:_MOST_FORMS]
        made._numbers = _numbers(made._forms)
        return made

    def _found(self, text: str) -> Iterator[Span]:
        for form in self._forms:
            if form.anchor in text:
                yield from _spans(form, form.pattern, text)

    def _found_wrapped(self, text: str) -> Iterator[Span]:
        """Those that lie across line ends and colours, as text that was filled to a width or
        highlighted has them.
        """
        if not self._forms or not _MAY_WRAP.search(text):
            return
        # Few texts have literals, and to look for their parts takes a tenth more time.
        wrapped = _WRAPPED_LITERALS if _LITERAL_ENDS.search(text) else _WRAPPED
        joined = wrapped.sub("", text)
        if not (forms := [form for form in self._forms if form.anchor in joined]):
            return
        places = _places(text, wrapped)
        for form in forms:
            for span in _spans(form, form.filled, joined):
                yield Span(places[span.start], places[span.end - 1] + 1, span.name)


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose names say that they are secret."""
    return {
        name: value
        for name, value in environment.items()
        if is_secret_name(name) and name not in _NO_SECRETS
    }


def _spans(form: Form, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for found in pattern.finditer(text):
        if not form.whole or stands_alone(text, found.start()):
            yield Span(*found.span(), form.name)


def _places(text: str, wrapped: re.Pattern[str]) -> list[int]:
    """For each character of ``text`` without what was put into it: where it stands in ``text``."""
    places: list[int] = []
    at = 0
    for found in wrapped.finditer(text):
        places.extend(range(at, found.start()))
        at = found.end()
    places.extend(range(at, len(text)))
    return places


def _covered(text: str, spans: Iterable[Span]) -> str:
    """Spans that overlap are one: the longest that has a name gives it."""
    parts: list[str] = []
    at = 0
    for span in _merged(spans):
        parts += [text[at : span.start], f"***{span.name}***" if span.name else "***"]
        at = span.end
    return "".join([*parts, text[at:]])


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Those that overlap as one. There is at least one."""
    group: list[Span] = []
    end = 0
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if group and span.start >= end:
            yield _as_one(group, end)
            group = []
        group.append(span)
        end = max(end, span.end) if len(group) > 1 else span.end
    yield _as_one(group, end)


def _as_one(group: list[Span], end: int) -> Span:
    longest = max(group, key=lambda one: (bool(one.name), one.end - one.start))
    return Span(group[0].start, end, longest.name)


def _numbers(forms: Iterable[Form]) -> dict[float, str]:
    """The forms that a number may have: ``007.50`` is 7.5."""
    found = [form for form in forms if _NUMBER.fullmatch(form.text)]
    return {(float(form.text) if "." in form.text else int(form.text)): form.name for form in found}


def _unique(forms: Iterable[Form]) -> tuple[Form, ...]:
    return tuple({form.text: form for form in reversed(tuple(forms))}.values())[::-1]
