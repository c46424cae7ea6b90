"""Any engine with a request that starts a run and one that tells its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from typing_extensions import override

from duckstring.external.core import Handle, Seen, State, slot_of
from duckstring.external.env import Env, Text, text
from duckstring.external.errors import ExternalError, RefusedError, UnknownRunError
from duckstring.external.job import Job, running, starting
from duckstring.external.web import Json, Web, instant, pick

_METHODS = frozenset({"DELETE", "GET", "PATCH", "POST", "PUT"})
_CONFLICT = 409

StateOf = str | Callable[[Mapping[str, object]], str]
"""Where the state lies in an answer, or a function of the answer that names it."""


class HttpJob(Job):
    """A job of an engine that is asked over HTTP, in JSON. Make it once, at module level; nothing
    is asked before ``run``.

    ``start``, ``status``, ``cancel`` and ``find`` are requests: a method, if it is not the usual
    one, and a path below ``host``. ``{id}`` stands for the run's id, ``{key}`` for this try's key,
    also in ``id``, ``url`` and in texts of ``body``.

    A start is repeated with the same key after a crash: sent as ``Idempotency-Key``, or wherever
    ``{key}`` stands. An engine that heeds neither needs ``find``, or a crash in the wrong moment
    starts a second run.

    Args:
        host: what every request begins with: ``https://engine.example.com/v1``.
        start: starts a run (POST): ``/pipelines/sales/runs``.
        status: shows a run (GET): ``/runs/{id}``.
        cancel: ends a run (POST): ``DELETE /runs/{id}``. Without it a run cannot be cancelled.
        find: shows the run of a key (GET): ``/runs?label={key}``.
        found: where in the answer to ``find`` the run's id lies: ``runs.0.id``.
        id: where in the answer to ``start`` the run's id lies; ``{key}`` where the key itself is
            the id.
        state: where in the answer to ``status`` the state lies, or a function of the answer.
        succeeded: the states of a run that has ended well, in any case of letters.
        failed: the states of a run that has failed.
        cancelled: the states of a run that was ended by somebody. Every other state is one of a run
            that goes on.
        message: where in the answer to ``status`` the run's message lies.
        url: where the link to the run's page lies, or the link itself with ``{id}`` in it.
        started: where the time of its start lies (ISO 8601, or seconds or milliseconds since 1970).
        ended: where the time of its end lies.
        headers: of every request, such as ``{"Authorization": Env("ENGINE_TOKEN", "Bearer {}")}``.
            No error shows them.
        body: the body of ``start``.
        key_header: the name of the header that carries the key.
        name: tells apart several runs of the same job in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``body``, too: more of the body of the request that starts a run.
    """

    def __init__(  # noqa: PLR0913 - each is an option that authors write
        self,
        host: Text,
        *,
        start: str,
        status: str,
        cancel: str | None = None,
        find: str | None = None,
        found: str = "id",
        id: str = "id",  # noqa: A002 - the word that people look for
        state: StateOf = "state",
        succeeded: Sequence[str] = ("succeeded", "success"),
        failed: Sequence[str] = ("failed", "error"),
        cancelled: Sequence[str] = ("cancelled", "canceled"),
        message: str = "message",
        url: str = "url",
        started: str = "started",
        ended: str = "ended",
        headers: Mapping[str, Text] | None = None,
        body: Mapping[str, object] | None = None,
        key_header: str = "Idempotency-Key",
        name: str = "",
        poll: str | None = None,
    ) -> None:
        super().__init__(name=name, poll=poll)
        self._host = host
        self._requests = _Requests(
            _request(start, "POST"),
            _request(status, "GET"),
            _request(cancel, "POST"),
            _request(find, "GET"),
        )
        words: dict[str, State] = {
            word.casefold(): "succeeded" for word in _words("succeeded", succeeded)
        }
        words |= {word.casefold(): "failed" for word in _words("failed", failed)}
        words |= {word.casefold(): "cancelled" for word in _words("cancelled", cancelled)}
        self._reading = _Reading(
            id=id,
            found=found,
            state=state,
            words=words,
            message=message,
            url=url,
            started=started,
            ended=ended,
        )
        self._headers = dict(headers or {})
        self._body = dict(body or {})
        self._key_header = key_header
        if "{id}" not in status:
            raise ExternalError(
                f"HttpJob: status={status!r} does not say where the run's id goes.",
                hint="Write it as /runs/{id}.",
            )

    @override
    def _engine(self, pond: Handle, *, body: Mapping[str, object] | None = None) -> _Http:
        headers = {name: text(value, pond) for name, value in self._headers.items()}
        return _Http(
            host=text(self._host, pond).rstrip("/"),
            place=self._host.name if isinstance(self._host, Env) else self._host,
            web=Web(
                headers,
                secrets=tuple(headers.values()),
                hint="Check host=, the path and the headers.",
            ),
            key_header=self._key_header,
            requests=self._requests,
            reading=self._reading,
            body={**self._body, **(body or {})},
            name=self._name,
        )

    start = starting(_engine)
    run = running(_engine)


@dataclass(frozen=True, slots=True)
class _Request:
    """A method and a path."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class _Requests:
    """What the engine can be asked. ``start`` and ``status`` are always there."""

    start: _Request | None
    status: _Request | None
    cancel: _Request | None
    find: _Request | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where what lies in the engine's answers."""

    id: str
    found: str
    state: StateOf
    words: Mapping[str, State]
    message: str
    url: str
    started: str
    ended: str

    def seen(self, answer: Json, run: str) -> Seen:
        """A run, as the answer to ``status`` has it."""
        word = self.state(answer) if callable(self.state) else _word(pick(answer, self.state))
        return Seen(
            state=self.words.get(word.casefold(), "active"),
            word=word,
            message=_word(pick(answer, self.message)),
            url=self.url.replace("{id}", quote(run, safe=""))
            if "{id}" in self.url
            else _word(pick(answer, self.url)),
            started=instant(pick(answer, self.started)),
            ended=instant(pick(answer, self.ended)),
            answer=answer,
        )


@dataclass(frozen=True, slots=True)
class _Http:
    """One job, as the core wants it."""

    host: str
    place: str
    web: Web
    key_header: str
    requests: _Requests
    reading: _Reading
    body: Mapping[str, object]
    name: str
    kind: str = "HTTP"

    @property
    def repeatable(self) -> bool:
        return self.requests.find is None

    @property
    def job(self) -> str:
        return f"Job {self._start.path}"

    @property
    def slot(self) -> str:
        """By the name of the host's setting, if it has one: an engine that moves is still the
        same.
        """
        return slot_of("http", self.place.rstrip("/"), self._start.path.lstrip("/"), self.name)

    @property
    def _start(self) -> _Request:
        return self.requests.start or _Request("POST", "")

    def start(self, key: str) -> str:
        web = Web(
            {**self.web.headers, self.key_header: key}, secrets=self.web.secrets, hint=self.web.hint
        )
        try:
            answer = self._ask(web, self._start, key=key, body=_filled(self.body, key))
        except RefusedError as refused:
            # An engine that knows the key may say so by a conflict, and not by showing the run.
            if refused.status != _CONFLICT or not (run := self._id(refused.answer, key)):
                raise
            return run
        if not (run := self._id(answer, key)):
            raise RefusedError(
                f"{self.job}: its answer has no id at {self.reading.id!r}: {_shown(answer)}",
                hint="Say where it lies with id=.",
            )
        return run

    def find(self, key: str, since: float) -> str | None:
        """Where the engine has no such request: the start again, which finds the run, or makes
        the one that can be cancelled.
        """
        del since
        if self.requests.find is None:
            return self.start(key)
        try:
            answer = self._ask(self.web, self.requests.find, key=key)
        except UnknownRunError:
            return None
        return _word(pick(answer, self.reading.found)) or None

    def look(self, run: str) -> Seen:
        return self.reading.seen(self._ask(self.web, self.requests.status, run=run), run)

    def cancel(self, run: str) -> None:
        if self.requests.cancel is None:
            raise RefusedError(
                f"{self.job} has no request that cancels.", hint="Name it with cancel=."
            )
        self._ask(self.web, self.requests.cancel, run=run)

    def _ask(
        self,
        web: Web,
        request: _Request | None,
        *,
        run: str = "",
        key: str = "",
        body: object = None,
    ) -> Json:
        if request is None:
            return {}
        path = request.path.replace("{id}", quote(run, safe="")).replace(
            "{key}", quote(key, safe="")
        )
        return web.ask(request.method, self.host + path, body=body)

    def _id(self, answer: Json, key: str) -> str:
        return (
            self.reading.id.replace("{key}", key)
            if "{key}" in self.reading.id
            else _word(pick(answer, self.reading.id))
        )


def _request(written: str | None, usual: str) -> _Request | None:
    if written is None:
        return None
    method, space, path = written.partition(" ")
    if not space:
        method, path = usual, written
    if method not in _METHODS or not path.startswith("/"):
        hint = (
            "Write a path below host, with the method before it where it is not the usual one: "
            "DELETE /runs/{id}."
        )
        raise ExternalError(f"HttpJob: {written!r} is not a request.", hint=hint)
    return _Request(method, path)


def _words(which: str, words: Sequence[str]) -> Sequence[str]:
    if isinstance(words, str):
        raise ExternalError(
            f"HttpJob: {which}={words!r}; allowed: a list of states.",
            hint=f'Write {which}=["{words}"].',
        )
    return words


def _filled(body: object, key: str) -> object:
    """The body with the key in it."""
    match body:
        case str():
            return body.replace("{key}", key)
        case Mapping():
            return {name: _filled(value, key) for name, value in body.items()}
        case list() | tuple():
            return [_filled(value, key) for value in body]
        case _:
            return body


def _word(found: object) -> str:
    """An id or a word; numbers are ids, too."""
    return "" if found is None or isinstance(found, bool | Mapping | list) else str(found)


def _shown(answer: Json) -> str:
    return ", ".join(sorted(answer)) or "empty"
