"""The credentials of a request: its headers, and tokens that expire while a run goes on.

A token is held by the process alone: it is never remembered, and no error shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from duckstring.errors import DuckstringError
from duckstring.external import clock
from duckstring.external.env import Env, Text, filled, text, texts
from duckstring.external.errors import (
    AccessRefusedError,
    BusyError,
    ExternalError,
    RefusedError,
)
from duckstring.external.requests import Request, parsed
from duckstring.external.web import Json, Web, instant, pick
from duckstring.model.foreign import readable

if TYPE_CHECKING:
    from duckstring.external.core import Handle

_SPARE = 30.0
"""Seconds before its end from which a token is not used any more."""
_LONGEST_LIFE = 366 * 86_400
"""Seconds: a larger number is an instant."""
_SERVER, _TOO_MANY = 500, 429


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request whose answer has a token. It is made before the first request that needs one, and
    again when the token has expired or is refused.

    Args:
        request: a method, if it is not POST, and a path below the job's host, or a whole address:
            ``Env("AIRFLOW", "{}/auth/token")``.
        body: of the request: ``{"username": Env("USER"), "password": Env("PASSWORD")}``.
        form: send the body as a form, as OAuth wants it, instead of JSON.
        headers: of the request.
        token: where in the answer the token lies.
        expires: where in the answer its end lies: in seconds from now, or as a time. Without it
            the token is used until it is refused.
        header: the header that carries the token in the job's requests.
        template: what the header holds; the token is put at ``{}``.
    """

    request: Text
    body: Mapping[str, object] = field(default_factory=dict)
    form: bool = False
    headers: Mapping[str, Text] = field(default_factory=dict)
    token: Text = "access_token"  # noqa: S105 - a place in an answer
    expires: Text = "expires_in"
    header: str = "Authorization"
    template: str = "Bearer {}"

    def __post_init__(self) -> None:
        """Refuse what is no request as it is written."""
        if not isinstance(self.request, Env):
            parsed("TokenRequest", self.request, "POST", anywhere=True)


Auth = TokenRequest | Callable[..., str | Mapping[str, str]]
"""A request for a token; or a function of the Pond that returns a token, or headers."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A token in its headers. ``ends``: seconds since 1970; 0: not known."""

    headers: Mapping[str, str]
    secrets: tuple[str, ...]
    ends: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.ends or clock.now() < self.ends


_held: dict[str, _Token] = {}
"""The tokens of this process, by a digest of the request that they are the answer to."""


def checked_auth(auth: object) -> None:
    """Refuse what cannot give a token.

    Raises:
        ExternalError: it is neither a request nor a function.
    """
    if auth is not None and not isinstance(auth, TokenRequest) and not callable(auth):
        raise ExternalError(
            f"HttpJob: auth={type(auth).__name__}; allowed: a TokenRequest, or a function.",
            hint='Write auth=TokenRequest("POST /auth/token", body={...}); a token that does not '
            "expire belongs into headers=.",
        )


class Access:
    """Requests of one turn, with the credentials that a job's settings name."""

    def __init__(
        self,
        host: str,
        pond: Handle,
        *,
        headers: Mapping[str, Text],
        auth: Auth | None,
        renew_at: Collection[int],
    ) -> None:
        """``renew_at``: the statuses that say that a token has expired."""
        self._host = host
        self._pond = pond
        self._headers = headers
        self._auth = auth
        self._renew_at = frozenset(renew_at)
        self._of_function: _Token | None = None

    def ask(
        self,
        request: Request,
        *,
        places: Mapping[str, str],
        body: object = None,
        more: Mapping[str, str] | None = None,
    ) -> Json:
        """Make a request; once more with a new token, if the one that was held is refused.

        Args:
            request: with its places.
            places: what belongs at them.
            body: sent as JSON.
            more: headers besides those of the job.

        Returns:
            The JSON object of the answer.

        Raises:
            BusyError: as ``Web.ask``. Without a token nothing was asked: that is not in doubt.
            RefusedError: as ``Web.ask``.
        """
        address = request.address(self._host, places)
        held = self._token()
        for _ in range(2):
            web = self._web(held, places, more or {})
            try:
                return web.ask(request.method, address, body=body)
            except AccessRefusedError as refused:
                if self._auth is None or refused.status not in self._renew_at:
                    raise
                first = refused
            if (renewed := self._token(instead_of=held)).headers == held.headers:
                raise first
            held = renewed
        raise first

    def _web(self, held: _Token, places: Mapping[str, str], more: Mapping[str, str]) -> Web:
        own = texts(self._headers, self._pond, places)
        return Web(
            {**own, **held.headers, **more},
            secrets=(*own.values(), *held.secrets),
            hint="Check host=, the path and the headers.",
            denies=self._renew_at,
        )

    def _token(self, instead_of: _Token | None = None) -> _Token:
        """The token that counts now; another one than ``instead_of``, which was refused."""
        if self._auth is None:
            return _Token({}, ())
        if not isinstance(self._auth, TokenRequest):
            if self._of_function is None or instead_of is not None:
                self._of_function = _of_function(self._auth, self._pond)
            return self._of_function
        asked = _Asked.of_(self._auth, self._host, self._pond)
        held = _held.get(asked.digest)
        if held is None or not held.is_good or (instead_of and held.headers == instead_of.headers):
            _held.pop(asked.digest, None)
            held = _held[asked.digest] = asked.fetched()
        return held


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for a token, with its settings read."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: object
    of: TokenRequest
    at: str
    expires: str

    @classmethod
    def of_(cls, of: TokenRequest, host: str, pond: Handle) -> _Asked:
        request = parsed("TokenRequest", text(of.request, pond), "POST", anywhere=True)
        return cls(
            request.method,
            request.address(host, {}),
            texts(of.headers, pond, {}),
            filled(of.body, pond, {}),
            of,
            text(of.token, pond),
            text(of.expires, pond),
        )

    @property
    def digest(self) -> str:
        """What tells it from others, without a secret in it."""
        said = repr((self.method, self.address, sorted(self.headers.items()), self.body, self.at))
        return sha256(f"{said}\n{self.of.header}\n{self.of.template}".encode()).hexdigest()

    def fetched(self) -> _Token:
        """A new token.

        Raises:
            BusyError: nobody answered. What the token was for was not asked.
            AccessRefusedError: there is no token for these credentials.
        """
        hint = "Check the credentials of the TokenRequest, and its path."
        web = Web(
            self.headers,
            secrets=(*self.headers.values(), *_leaves(self.body)),
            hint=hint,
            hints={400: hint, 401: hint, 403: hint, 422: hint},
        )
        asked_at = clock.now()
        try:
            if self.of.form:
                fields = {name: str(one) for name, one in dict(self.body).items()}  # type: ignore[call-overload]
                answer = web.ask(self.method, self.address, form=fields)
            else:
                answer = web.ask(self.method, self.address, body=self.body)
        except BusyError as busy:
            raise BusyError(busy.message, in_doubt=False, wait=busy.wait, hint=busy.hint) from busy
        except RefusedError as refused:
            raise AccessRefusedError(
                refused.message, hint=refused.hint, status=refused.status
            ) from None
        token = pick(answer, self.at)
        if not isinstance(token, str) or not token:
            raise AccessRefusedError(
                f"{self.method} {self.address.partition('?')[0]}: its answer has no token at "
                f"{self.at!r}; it has: {', '.join(sorted(answer)) or 'nothing'}.",
                hint="Say where the token lies with token=.",
            )
        value = self.of.template.replace("{}", token)
        ends = _ends(pick(answer, self.expires), asked_at)
        return _Token({self.of.header: value}, (token, value), ends)


def _ends(found: object, asked_at: float) -> float:
    """From when on a token is not used any more, seconds since 1970. 0: nobody says."""
    if isinstance(found, str) and found.strip().isdecimal():
        found = int(found)
    if isinstance(found, int | float) and not isinstance(found, bool) and found < _LONGEST_LIFE:
        life = max(float(found), 1.0)
        return asked_at + life - min(_SPARE, life / 10)
    at = instant(found)
    return 0.0 if at is None else max(at.timestamp() - _SPARE, 1.0)


def _of_function(function: Callable[..., object], pond: Handle) -> _Token:
    """What a function of the author's returns.

    Raises:
        BusyError: it found nobody who answered.
        AccessRefusedError: it raised something else, or returned neither a token nor headers.
    """
    try:
        found = function(pond)
    except DuckstringError as error:
        raise AccessRefusedError(
            f"auth={_name(function)}: {error.message}", hint=error.hint
        ) from error
    except Exception as error:
        said = f"auth={_name(function)} raised {type(error).__name__}: {readable(error, most=500)}"
        if _is_busy(error):
            raise BusyError(said, in_doubt=False) from error
        raise AccessRefusedError(said, hint="It is your function.") from error
    match found:
        case str() if found:
            value = f"Bearer {found}"
            return _Token({"Authorization": value}, (found, value))
        case Mapping() if found and all(
            isinstance(one, str) for pair in found.items() for one in pair
        ):
            return _Token(dict(found), tuple(found.values()))
        case _:
            raise AccessRefusedError(
                f"auth={_name(function)} returned {type(found).__name__}; allowed: a token, or "
                "headers.",
                hint='Return "..." or {"Authorization": "..."}.',
            )


def _is_busy(error: Exception) -> bool:
    """Whether another call may fare better: no connection, or an answer that says so."""
    answer = getattr(error, "response", None)
    status = getattr(answer, "status_code", None) or getattr(error, "code", None)
    if isinstance(status, int):
        return status >= _SERVER or status == _TOO_MANY
    return isinstance(error, OSError) or type(error).__module__.startswith(("httpx", "httpcore"))


def _name(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _leaves(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _leaves(one)
        case list():
            for one in value:
                yield from _leaves(one)
        case _:
            pass
