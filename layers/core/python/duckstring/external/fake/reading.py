"""Reads off an ``HttpJob`` how its engine is asked, and what it has to answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from duckstring.author.proxies import PAUSES
from duckstring.external.auth import TokenRequest
from duckstring.external.env import Env, text
from duckstring.external.errors import ExternalError
from duckstring.external.fake.pond import FakePond
from duckstring.external.fake.shapes import Asked, Json, Shape, State, iso
from duckstring.external.http import HttpJob
from duckstring.external.requests import Request, parsed

if TYPE_CHECKING:
    from duckstring.external.fake.engine import FakeRun

_STATES: tuple[State, ...] = ("succeeded", "failed", "cancelled")


class Settings:
    """The settings of a job, and an environment in which they can be read."""

    def __init__(self, job: HttpJob, environment: Mapping[str, str]) -> None:
        """``environment``: values of its Envs; each other one gets one."""
        if not isinstance(job, HttpJob):
            named = "another job" if hasattr(type(job), PAUSES) else type(job).__name__
            raise ExternalError(
                f"FakeEngine.of takes an HttpJob; found: {named}.",
                hint="For another engine write a Shape.",
            )
        # The fake engine stands beside the job: these are the job's settings, as they are written.
        host, self._auth, self._body = job._host, job._auth, job._body  # noqa: SLF001
        self._engine = job._engine  # noqa: SLF001
        if not isinstance(host, Env):
            raise ExternalError(
                f"The host of the job is a text, {host!r}: a test cannot lead it elsewhere.",
                hint='Write HttpJob(Env("ENGINE"), ...), and set ENGINE in the Catchment.',
            )
        self._host = host
        self.host = host.name
        self.has_token = isinstance(self._auth, TokenRequest)
        named = {env.name: f"fake-{env.name.lower()}" for env in _envs(vars(job))}
        self.environment = {**named, **environment}

    def shape(self, url: str, given: Mapping[str, object]) -> Shape:
        """How the engine at ``url`` is asked. ``given``: what cannot be read off."""
        pond = FakePond({**self.environment, self.host: url})
        engine = self._engine(pond)
        asked, reading = engine.asked, engine.reading
        below = urlsplit(text(self._host, pond)).path.rstrip("/")
        fields: dict[str, object] = {
            "start": _written(asked.start, below),
            "status": _written(asked.status, below),
            "cancel": _written(asked.cancel, below) if isinstance(asked.cancel, Request) else "",
            "find": _written(asked.find, below) if asked.find else "",
            "message": _written(reading.message_request, below) if reading.message_request else "",
            "key": _KeyOf(self._body, engine.key_header),
            "keyless": asked.find is not None,
            "conflicts": "{key}" in reading.id,
        }
        words = {state: word for word, state in reversed(list(reading.words.items()))}
        fields["words"] = {
            "active": "running",
            **{state: words.get(state, "") for state in _STATES},
        }
        if isinstance(reading.state, str):
            places = {
                reading.id: lambda run: run.id,
                reading.state: lambda run: run.word,
                reading.started: lambda run: iso(run.started),
                reading.ended: lambda run: iso(run.ended),
            }
            if isinstance(reading.message, str) and reading.message_request is None:
                places[reading.message] = lambda run: run.message
            fields["show"] = _Shown(places)
        if isinstance(reading.found, str):
            fields["listed"] = _Listed(reading.found, asked.find)
        if isinstance(reading.message_at, str):
            at = reading.message_at
            fields["told"] = lambda run: _with({at: run.message})
        fields |= {**self._token(pond, url), **given}
        if "show" not in fields:
            raise ExternalError(
                "The state of the job is a function: what it wants to read is not known.",
                hint="Say how a run is shown: FakeEngine.of(job, "
                'show=lambda run: {"state": run.word}).',
            )
        return Shape(**fields)  # type: ignore[arg-type]

    def _token(self, pond: FakePond, url: str) -> dict[str, object]:
        auth = self._auth
        if not isinstance(auth, TokenRequest):
            return {}
        request = parsed("TokenRequest", text(auth.request, pond), "POST", anywhere=True)
        at, expires = text(auth.token, pond), text(auth.expires, pond)
        path = request.address(url, {}).removeprefix(url)
        return {
            "token": f"{request.method} {path}",
            "granted": lambda token, lives: _with({at: token, expires: lives}),
        }


class _Shown:
    """A run, with what a job reads where it reads it."""

    def __init__(self, places: Mapping[str, Callable[[FakeRun], object]]) -> None:
        self._places = {at: of for at, of in places.items() if "{" not in at}

    def __call__(self, run: FakeRun) -> Json:
        return _with({at: of(run) for at, of in self._places.items()})


class _Listed:
    """The answer to a request that looks for a run: the run at the place of its id."""

    def __init__(self, at: str, request: Request | None) -> None:
        self._at, self._path = at, request.path if request else ""

    def __call__(self, asked: Asked, runs: Sequence[FakeRun]) -> Json:
        said = f"{asked.path}?{'&'.join(asked.query.values())} {asked.body}"
        found = next((run for run in runs if run.key and run.key in said), None)
        return {} if found is None else _with({self._at: found.id})


class _KeyOf:
    """The key of a request to start a run: in its header, its path, or its body."""

    def __init__(self, body: Mapping[str, object], header: str) -> None:
        self._body, self._header = body, header.lower()

    def __call__(self, asked: Asked) -> str:
        if "key" in asked.found:
            return asked.found["key"]
        carried = next(_carried(self._body, asked.body), "")
        return carried or asked.headers.get(self._header, "")


def _carried(template: object, body: object) -> Iterator[str]:
    """What stands in ``body`` where ``template`` has ``{key}``."""
    match template, body:
        case str() as written, str() as found if "{key}" in written:
            before, _, after = written.partition("{key}")
            if match := re.fullmatch(f"{re.escape(before)}(.+?){re.escape(after)}", found):
                yield match[1]
        case Mapping(), Mapping():
            for name in template.keys() & body.keys():
                yield from _carried(template[name], body[name])
        case list() | tuple(), list():
            for one, other in zip(template, body, strict=False):
                yield from _carried(one, other)
        case _:
            pass


def _written(request: Request, below: str) -> str:
    return f"{request.method} {below}{request.path}"


def _with(places: Mapping[str, object]) -> dict[str, object]:
    """An object with values at places such as ``runs.0.id``."""
    made: dict[str, object] = {}
    for at, value in places.items():
        _put(made, at.split("."), value)
    return made


def _put(into: dict[str, object], steps: Sequence[str], value: object) -> None:
    first, *rest = steps
    if not rest:
        into[first] = value
        return
    if rest[0].isdecimal():
        number = int(rest[0])
        found = into.setdefault(first, [])
        if isinstance(found, list):
            found.extend({} for _ in range(number + 1 - len(found)))
            if len(rest) == 1:
                found[number] = value
            else:
                _put(found[number], rest[1:], value)
        return
    held = into.setdefault(first, {})
    if isinstance(held, dict):
        _put(held, rest, value)


def _envs(value: object) -> Iterator[Env]:
    """Every Env in the settings of a job."""
    match value:
        case Env():
            yield value
        case Mapping():
            for one in value.values():
                yield from _envs(one)
        case list() | tuple():
            for one in value:
                yield from _envs(one)
        case _:
            for name in getattr(type(value), "__slots__", ()):
                if type(value).__module__.startswith("duckstring.external"):
                    yield from _envs(getattr(value, name, None))
