"""Any engine with a request that starts a run and one that tells its state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from typing_extensions import override

from duckstring.errors import DuckstringError
from duckstring.external.auth import Access, Auth, checked_auth
from duckstring.external.core import Handle, Seen, key_of, slot_of
from duckstring.external.env import Env, Text, filled, placed, text
from duckstring.external.errors import BusyError, RefusedError, UnknownRunError
from duckstring.external.http_settings import (
    Asked,
    Body,
    Found,
    HttpApi,
    OfAnswer,
    Reading,
    Requests,
    Told,
    Words,
    picked,
    word_of,
    words_of,
)
from duckstring.external.job import Job, running, starting
from duckstring.external.requests import Request, parsed
from duckstring.external.web import Json, pick
from duckstring.model.foreign import for_terminal, readable

_CONFLICT = 409
_LONGEST_PATH, _LONGEST_TITLE = 48, 80
"""Characters of a path, and of a title, in what people read."""


class HttpJob(Job):
    """A job of an engine that is asked over HTTP, in JSON. Make it once, at module level; nothing
    is asked before ``run``.

    ``start``, ``status``, ``cancel`` and ``find`` are requests: a method, if it is not the usual
    one, and a path below ``host``. ``{id}`` stands for the run's id, ``{key}`` for this try's key:
    in paths, headers and bodies, and in ``id``, ``url`` and ``title``. Each setting that is a text
    may be an ``Env``, also inside of bodies.

    A start is repeated with the same key after a crash: sent as ``Idempotency-Key``, or wherever
    ``{key}`` stands. An engine that heeds neither needs ``find``, or a crash in the wrong moment
    starts a second run.

    Args:
        host: what every request begins with: ``https://engine.example.com/v1``.
        start: starts a run (POST): ``/pipelines/sales/runs``.
        status: shows a run (GET): ``/runs/{id}``.
        cancel: ends a run (POST): ``DELETE /runs/{id}``. Or a function of an ``HttpApi`` and the
            run's id. Without it a run cannot be cancelled.
        cancel_body: the body of ``cancel``, or a function of the run's id that returns it.
        find: shows the run of a key (GET): ``/runs?label={key}``.
        find_body: the body of ``find``.
        found: where in the answer to ``find`` the run's id lies: ``runs.0.id``. Or a function of
            the answer and the key.
        id: where in the answer to ``start`` the run's id lies; ``{key}`` where the key itself is
            the id.
        state: where in the answer to ``status`` the state lies, or a function of the answer.
        succeeded: the states of a run that has ended well, in any case of letters.
        failed: the states of a run that has failed.
        cancelled: the states of a run that was ended by somebody. Every other state is one of a run
            that goes on.
        message: where in the answer to ``status`` the run's message lies, or a function of the
            answer. Or a request (GET) that is made when the run has not ended well.
        message_at: where the message lies in the answer to that request, or a function of it.
        url: where the link to the run's page lies, or the link itself with ``{id}`` in it.
        started: where the time of its start lies (ISO 8601, or seconds or milliseconds since 1970).
        ended: where the time of its end lies.
        headers: of every request, such as ``{"Authorization": Env("ENGINE_TOKEN", "Bearer {}")}``.
            No error shows them.
        auth: how to get a token that expires: a ``TokenRequest``, or a function of the Pond that
            returns a token or headers.
        renew_at: the statuses at which a new token is fetched, once for each request.
        body: the body of ``start``.
        key_header: the name of the header that carries the key.
        title: what people read instead of the path of ``start``.
        name: tells apart several runs of the same job in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``body``, too: more of the body of the request that starts a run.
    """

    def __init__(  # noqa: PLR0913 - each is an option that authors write
        self,
        host: Text,
        *,
        start: Text,
        status: Text,
        cancel: Text | Callable[[HttpApi, str], object] | None = None,
        cancel_body: Body | None = None,
        find: Text | None = None,
        find_body: Mapping[str, object] | None = None,
        found: Found = "id",
        id: Text = "id",  # noqa: A002 - the word that people look for
        state: OfAnswer = "state",
        succeeded: Words = ("succeeded", "success"),
        failed: Words = ("failed", "error"),
        cancelled: Words = ("cancelled", "canceled"),
        message: OfAnswer = "message",
        message_at: OfAnswer = "message",
        url: Text = "url",
        started: Text = "started",
        ended: Text = "ended",
        headers: Mapping[str, Text] | None = None,
        auth: Auth | None = None,
        renew_at: Collection[int] = (401,),
        body: Mapping[str, object] | None = None,
        key_header: Text = "Idempotency-Key",
        title: Text = "",
        name: str = "",
        poll: str | None = None,
    ) -> None:
        super().__init__(name=name, poll=poll)
        self._host = host
        self._asked = Asked(start, status, cancel, cancel_body, find, find_body)
        self._told = Told(
            id=id,
            found=found,
            state=state,
            words={
                "succeeded": words_of("succeeded", succeeded),
                "failed": words_of("failed", failed),
                "cancelled": words_of("cancelled", cancelled),
            },
            message=message,
            message_at=message_at,
            url=url,
            started=started,
            ended=ended,
        )
        checked_auth(auth)
        self._headers = dict(headers or {})
        self._auth = auth
        self._renew_at = frozenset(renew_at)
        self._body = dict(body or {})
        self._key_header = key_header
        self._title = title
        self._asked.check()

    def key(self, pond: Handle) -> str:
        """What this try's run is known by at the engine: what ``{key}`` stands for."""
        return key_of(pond.run_key, self._slot)

    @property
    def _slot(self) -> str:
        """By the names of settings, not by their values: an engine that moves is still the same."""
        host = self._host.name if isinstance(self._host, Env) else self._host
        return slot_of("http", host.rstrip("/"), self._asked.start_shown.lstrip("/"), self._name)

    @override
    def _engine(self, pond: Handle, *, body: Mapping[str, object] | None = None) -> _Http:
        host, key = text(self._host, pond).rstrip("/"), self.key(pond)
        title = placed(text(self._title, pond), {"key": key})
        return _Http(
            pond=pond,
            key=key,
            slot=self._slot,
            job=_shortened(for_terminal(title), _LONGEST_TITLE)
            or f"Job {_shortened(self._asked.start_shown, _LONGEST_PATH)}",
            access=Access(
                host, pond, headers=self._headers, auth=self._auth, renew_at=self._renew_at
            ),
            key_header=text(self._key_header, pond),
            asked=self._asked.read(pond),
            reading=self._told.read(pond),
            body={**self._body, **(body or {})},
        )

    start = starting(_engine)
    run = running(_engine)


@dataclass(frozen=True, slots=True)
class _Http:
    """One job, as the core wants it."""

    pond: Handle
    key: str
    slot: str
    job: str
    access: Access
    key_header: str
    asked: Requests
    reading: Reading
    body: Mapping[str, object]
    kind: str = "HTTP"

    @property
    def repeatable(self) -> bool:
        return self.asked.find is None

    def start(self, key: str) -> str:
        try:
            answer = self._ask(self.asked.start, body=self.body, more={self.key_header: key})
        except RefusedError as refused:
            # An engine that knows the key may say so by a conflict, and not by showing the run.
            if refused.status != _CONFLICT or not (run := self._conflicting(refused.answer, key)):
                raise
            return run
        if not (run := self._id(answer)):
            raise RefusedError(
                f"{self.job}: its answer has no id at {self.reading.id!r}: {_shown(answer)}",
                hint="Say where it lies with id=.",
            )
        return run

    def _conflicting(self, answer: Json, key: str) -> str:
        return self._id(answer) or ((self.find(key, 0.0) or "") if self.asked.find else "")

    def find(self, key: str, since: float) -> str | None:
        """Where the engine has no such request: the start again, which finds the run, or makes
        the one that can be cancelled.
        """
        del since
        if self.asked.find is None:
            return self.start(key)
        try:
            answer = self._ask(self.asked.find, body=self.asked.find_body)
        except UnknownRunError:
            return None
        found = self.reading.found
        return word_of(found(answer, key) if callable(found) else pick(answer, found)) or None

    def look(self, run: str) -> Seen:
        seen = self.reading.seen(self._ask(self.asked.status, run=run), self._places(run))
        if self.reading.message_request is None or seen.state not in {"failed", "cancelled"}:
            return seen
        return Seen(
            seen.state,
            seen.word,
            self._message(self.reading.message_request, run),
            seen.url,
            seen.started,
            seen.ended,
            seen.answer,
        )

    def cancel(self, run: str) -> None:
        match self.asked.cancel:
            case None:
                raise RefusedError(
                    f"{self.job} has no request that cancels.", hint="Name it with cancel=."
                )
            case Request() as request:
                body = self.asked.cancel_body
                self._ask(request, run=run, body=body(run) if callable(body) else body)
            case function:
                self._cancel_by(function, run)

    def _cancel_by(self, function: Callable[[HttpApi, str], object], run: str) -> None:
        try:
            function(_Api(self, run), run)
        except DuckstringError:
            raise
        except Exception as error:
            raise RefusedError(
                f"cancel= raised {type(error).__name__}: {readable(error, most=500)}",
                hint="It is your function.",
            ) from error

    def _message(self, request: Request, run: str) -> str:
        """The text of a second request. It is a help: without it the run has failed as well."""
        try:
            return picked(self._ask(request, run=run), self.reading.message_at)
        except (BusyError, RefusedError) as error:
            return f"Its message cannot be read: {error.message}"

    def _ask(
        self,
        request: Request,
        *,
        run: str = "",
        body: object = None,
        more: Mapping[str, str] | None = None,
    ) -> Json:
        places = self._places(run)
        return self.access.ask(
            request, places=places, body=filled(body, self.pond, places), more=more
        )

    def _places(self, run: str) -> Mapping[str, str]:
        return {"key": self.key, "id": run} if run else {"key": self.key}

    def _id(self, answer: Json) -> str:
        if "{key}" in self.reading.id:
            return placed(self.reading.id, {"key": self.key})
        return word_of(pick(answer, self.reading.id))


@dataclass(frozen=True, slots=True)
class _Api:
    """One run, for a function of the author's."""

    engine: _Http
    run: str

    @property
    def key(self) -> str:
        return self.engine.key

    def ask(self, request: str, /, *, body: object = None) -> Mapping[str, object]:
        return self.engine._ask(parsed("HttpApi.ask", request, "GET"), run=self.run, body=body)  # noqa: SLF001 - its own engine


def _shown(answer: Json) -> str:
    return ", ".join(sorted(answer)) or "empty"


def _shortened(written: str, most: int) -> str:
    """At most so many characters: what is left out is in the middle."""
    if len(written) <= most:
        return written
    tail = (most - 3) // 2
    return f"{written[: most - 3 - tail]}...{written[-tail:]}"
