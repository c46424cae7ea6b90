"""What an ``HttpJob`` asks and reads: as its author wrote it, and with its settings read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from duckstring.external.core import Handle, Seen, State
from duckstring.external.env import Env, Text, placed, text
from duckstring.external.errors import ExternalError
from duckstring.external.requests import Request, is_request, parsed
from duckstring.external.web import Json, instant, pick

OfAnswer = Text | Callable[[Mapping[str, object]], str]
"""Where something lies in an answer, or a function of the answer that says it."""
Found = Text | Callable[[Mapping[str, object], str], object]
"""Where the run's id lies in an answer, or a function of the answer and the key."""
Body = Mapping[str, object] | Callable[[str], object]
"""A body, or a function of the run's id that returns one."""
Words = Sequence[Text | int]


class HttpApi(Protocol):
    """The engine, as a function given as ``cancel=`` asks it."""

    @property
    def key(self) -> str:
        """What this try's run is known by."""

    def ask(self, request: str, /, *, body: object = None) -> Mapping[str, object]:
        """Make a request with the job's credentials: ``PATCH /runs/{id}``; the answer's object."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What the engine can be asked, with its settings read."""

    start: Request
    status: Request
    cancel: Request | Callable[[HttpApi, str], object] | None
    cancel_body: Body | None
    find: Request | None
    find_body: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the engine can be asked, as its author wrote it."""

    start: Text
    status: Text
    cancel: Text | Callable[[HttpApi, str], object] | None
    cancel_body: Body | None
    find: Text | None
    find_body: Mapping[str, object] | None

    @property
    def start_shown(self) -> str:
        """The path of ``start``, with the name of a setting in the place of its value."""
        start = self.start
        shown = (
            start.template.replace("{}", f"{{{start.name}}}") if isinstance(start, Env) else start
        )
        method, space, path = shown.partition(" ")
        return path if space and not method.startswith("/") else shown

    def check(self) -> None:
        """Refuse what cannot be asked, as far as it can be seen before the settings are read."""
        for written, usual in (
            (self.start, "POST"),
            (self.status, "GET"),
            (self.cancel, "POST"),
            (self.find, "GET"),
        ):
            if isinstance(written, str):
                parsed("HttpJob", written, usual)
        if isinstance(self.status, str):
            _with_id(self.status)
        if self.cancel_body is not None and (self.cancel is None or callable(self.cancel)):
            raise ExternalError(
                "HttpJob: cancel_body= stands without a request that it belongs to.",
                hint='Write the request: cancel="POST /runs/{id}/state".',
            )
        if self.find_body is not None and self.find is None:
            raise ExternalError(
                "HttpJob: find_body= stands without find=.",
                hint='Write the request: find="POST /runs/filter".',
            )

    def read(self, pond: Handle) -> Requests:
        """With the settings read.

        Raises:
            ExternalError: the value of one is not a request.
        """
        cancel = self.cancel
        return Requests(
            parsed("HttpJob", text(self.start, pond), "POST"),
            parsed("HttpJob", _with_id(text(self.status, pond)), "GET"),
            parsed("HttpJob", text(cancel, pond), "POST")
            if isinstance(cancel, str | Env)
            else cancel,
            self.cancel_body,
            None if self.find is None else parsed("HttpJob", text(self.find, pond), "GET"),
            self.find_body,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """Where what lies in the engine's answers, as its author wrote it."""

    id: Text
    found: Found
    state: OfAnswer
    words: Mapping[State, Words]
    message: OfAnswer
    message_at: OfAnswer
    url: Text
    started: Text
    ended: Text

    def read(self, pond: Handle) -> Reading:
        """With the settings read."""

        def plain(value: OfAnswer) -> str | Callable[[Mapping[str, object]], str]:
            return text(value, pond) if isinstance(value, str | Env) else value

        message = plain(self.message)
        return Reading(
            id=text(self.id, pond),
            found=text(self.found, pond) if isinstance(self.found, str | Env) else self.found,
            state=plain(self.state),
            words={
                str(text(word, pond) if isinstance(word, str | Env) else word).casefold(): state
                for state, words in self.words.items()
                for word in words
            },
            message=message,
            message_request=parsed("HttpJob", message, "GET")
            if isinstance(message, str) and is_request(message)
            else None,
            message_at=plain(self.message_at),
            url=text(self.url, pond),
            started=text(self.started, pond),
            ended=text(self.ended, pond),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """Where what lies in the engine's answers."""

    id: str
    found: str | Callable[[Mapping[str, object], str], object]
    state: str | Callable[[Mapping[str, object]], str]
    words: Mapping[str, State]
    message: str | Callable[[Mapping[str, object]], str]
    message_request: Request | None
    message_at: str | Callable[[Mapping[str, object]], str]
    url: str
    started: str
    ended: str

    def seen(self, answer: Json, places: Mapping[str, str]) -> Seen:
        """A run, as the answer to ``status`` has it."""
        word = picked(answer, self.state)
        quoted = {name: quote(value, safe="") for name, value in places.items()}
        return Seen(
            state=self.words.get(word.casefold(), "active"),
            word=word,
            message="" if self.message_request else picked(answer, self.message),
            url=placed(self.url, quoted)
            if any(mark in self.url for mark in ("{id}", "{key}", "://"))
            else word_of(pick(answer, self.url)),
            started=instant(pick(answer, self.started)),
            ended=instant(pick(answer, self.ended)),
            answer=answer,
        )


def _with_id(status: str) -> str:
    if "{id}" not in status and "{key}" not in status:
        raise ExternalError(
            f"HttpJob: status={status!r} does not say where the run's id goes.",
            hint="Write it as /runs/{id}.",
        )
    return status


def words_of(which: str, words: Words) -> Words:
    """The states that are given as ``which``, if they are a list."""
    if isinstance(words, str | int | Env):
        shown = words.name if isinstance(words, Env) else words
        raise ExternalError(
            f"HttpJob: {which}={shown!r}; allowed: a list of states.",
            hint=f"Write {which}=[{shown!r}].",
        )
    return words


def picked(answer: Json, at: str | Callable[[Mapping[str, object]], str]) -> str:
    """The text at a place in an answer, or what a function finds in it."""
    return str(at(answer)) if callable(at) else word_of(pick(answer, at))


def word_of(found: object) -> str:
    """An id or a word; numbers are ids, too."""
    return "" if found is None or isinstance(found, bool | Mapping | list) else str(found)
