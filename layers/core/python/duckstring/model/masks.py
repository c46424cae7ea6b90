"""Secrets in text that is not ours, replaced by ``***NAME***`` before the text is stored or shown.

This is against accidents: an error that quotes a URL, a header that is printed. Code that wants to send a secret somewhere can.
docs/author.md ("What is masked") has the rules for users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from duckstring.model.secret_forms import Form, forms_of, is_secret_name
from duckstring.model.secret_patterns import find_known

_WRAPPED = re.compile("(?<![ \t│┃|])[ \t│┃|]*+\r?\n[ \t│┃|]*+|\x1b\\[[0-9;]*+m|[\u200b-\u200d\u2060\ufeff\xad]")
"""What a program puts into a text that it shows: line ends, also within a box, colours, places where a line may be broken."""
_MOST_FORMS = 5_000
"""Earlier values of a secret are kept until there are so many: a worker lives for hours, a secret changes rarely."""

_SHORT, _MOST_PLAIN = 40, 2_000
"""So long, and so many, are the texts that are known to hold no secret: names of fields, in each line of a log."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` of a text are secret. ``name``: of which entry; empty: it only looks like a secret."""

    start: int
    end: int
    name: str = ""


class Masks:
    """The secrets that a process knows, ready to be looked for. Immutable; compiled once, where one is first met."""

    def __init__(self, entries: Mapping[str, str], environment: Mapping[str, str] | None = None) -> None:
        """Know what is to be masked.

        Args:
            entries: the Catchment's secret. Each value counts that is long enough to be told from ordinary words.
            environment: variables that are settings as a rule: one counts only if its name says that it is secret.
        """
        named = [(name, value) for name, value in (environment or {}).items() if is_secret_name(name)]
        self._entries = dict(entries) | {name: value for name, value in named if name not in entries}
        self._forms: tuple[Form, ...] = _unique(form for name, value in self._entries.items() for form in forms_of(name, value))
        self._plain: set[str] = set()

    def is_plain(self, text: str) -> bool:
        """Whether ``text`` is known to hold no secret: it is short, and was masked before."""
        return text in self._plain

    def mask(self, text: str) -> str:
        """``text`` without secrets. Masking what is masked changes nothing."""
        if text in self._plain:
            return text
        spans = [*self._found(text), *self._found_wrapped(text), *(Span(*span) for span in find_known(text))]
        if spans:
            return _covered(text, spans)
        if len(text) <= _SHORT and len(self._plain) < _MOST_PLAIN:
            self._plain.add(text)
        return text

    def renewed(self, entries: Mapping[str, str]) -> Masks:
        """These masks and those of ``entries``: after a secret has changed, its old value may still be said."""
        if entries.items() <= self._entries.items():
            return self
        made = Masks(entries)
        made._entries = self._entries | made._entries
        made._forms = _unique((*made._forms, *self._forms))[:_MOST_FORMS]
        return made

    def _found(self, text: str) -> Iterator[Span]:
        for form in self._forms:
            if form.anchor in text:
                yield from (Span(*found.span(), form.name) for found in form.pattern.finditer(text))

    def _found_wrapped(self, text: str) -> Iterator[Span]:
        """Those that lie across line ends and colours, as text that was filled to a width or highlighted has them."""
        if not self._forms or (joined := _WRAPPED.sub("", text)) == text:
            return
        if not any(form.anchor in joined for form in self._forms):
            return
        places = _places(text)
        for span in self._found(joined):
            yield Span(places[span.start], places[span.end - 1] + 1, span.name)


def _places(text: str) -> list[int]:
    """For each character of ``text`` without what was put into it: where it stands in ``text``."""
    places: list[int] = []
    at = 0
    for found in _WRAPPED.finditer(text):
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
    group: list[Span] = []
    end = 0
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if group and span.start >= end:
            yield _as_one(group, end)
            group = []
        group.append(span)
        end = max(end, span.end) if len(group) > 1 else span.end
    if group:
        yield _as_one(group, end)


def _as_one(group: list[Span], end: int) -> Span:
    longest = max(group, key=lambda one: (bool(one.name), one.end - one.start))
    return Span(group[0].start, end, longest.name)


def _unique(forms: Iterable[Form]) -> tuple[Form, ...]:
    return tuple({form.text: form for form in reversed(tuple(forms))}.values())[::-1]
