"""HTTP requests with the results that the core knows: an answer, ``BusyError``, ``RefusedError``.
The only user of httpx.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from duckstring.external.errors import (
    AccessRefusedError,
    BusyError,
    RefusedError,
    UnknownRunError,
    UnreadableError,
)

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx

TIMEOUT = 30.0
"""Seconds for one request."""
_SHOWN = 1_000
"""Characters of an answer that an error shows."""
_FOR_PEOPLE = ("message", "detail", "error_description", "error", "title")
"""Names of fields with an error's words, in the order of how much they say."""
_NOT_FOUND = frozenset({404, 410})
_TOO_MANY = frozenset({425, 429})
"""Statuses of requests that were certainly not carried out."""
_TIMED_OUT = 408
_NO_ACCESS = frozenset({401, 403, 407})
_HINTS = {
    400: "The engine does not take this request: compare the path and the body with its API.",
    401: "Check the credentials: auth=, or the token in headers=, and the secrets that they name.",
    403: "Give the user of the token the right to do this.",
    404: "Check host=, the path, and the ids in it.",
    405: "Another method may belong before the path: PATCH /runs/{id}.",
    409: (
        'It exists already. If the key is the id, write id="{key}"; otherwise say with find= '
        "how the run of a key is found."
    ),
    410: "Check host=, the path, and the ids in it.",
    422: "The engine does not take this request: compare the path and the body with its API.",
    429: "The engine asks for fewer requests: a longer poll= makes fewer.",
}
_HINT_DOWN = "The engine is down, or has too much to do: see its own status page and log."
_SERVER = 500
_REDIRECT = 300
_CLIENT = 400

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, repr=False)
class Web:
    """Requests with the same headers. ``secrets`` are texts that no error may show.

    ``hints`` are what to do about a status, before the general ones; ``hint`` about anything else.
    ``denies`` are statuses that this engine uses for "no access", besides 401, 403 and 407.
    """

    headers: Mapping[str, str]
    secrets: Iterable[str] = field(default=())
    hint: str = ""
    hints: Mapping[int, str] = field(default_factory=dict)
    denies: Iterable[int] = ()

    def ask(
        self, method: str, url: str, *, body: object = None, form: Mapping[str, str] | None = None
    ) -> Json:
        """Make one request, with a body of JSON or a form; the JSON object of the answer, empty if
        there is none. Of a list, the names are its numbers.

        Raises:
            BusyError: no answer, 429, 5xx, or a time-out.
            AccessRefusedError: 401, 403, 407, or one of ``denies``.
            UnknownRunError: 404.
            UnreadableError: a redirect, or an answer that is not a JSON object or list.
            RefusedError: another 4xx.
        """
        asked = f"{method} {_address(url)}"
        response = self._send(method, url, asked, body, form)
        if response.status_code >= _CLIENT:
            raise self._failure(asked, response)
        if response.status_code >= _REDIRECT:
            target = response.headers.get("Location", "nowhere")
            raise UnreadableError(
                f"{asked} answers {response.status_code}, a redirect to {self._clean(target)}.",
                hint="Write the address that it leads to.",
            )
        return self._read(asked, response)

    def _send(
        self, method: str, url: str, asked: str, body: object, form: Mapping[str, str] | None
    ) -> httpx.Response:
        import httpx  # noqa: PLC0415 - imported when a job runs, not when a Pond is

        try:
            return httpx.request(
                method,
                url,
                json=body,
                data=form,
                headers=self.headers,
                timeout=TIMEOUT,
                verify=_trusted(),
            )
        except (
            httpx.InvalidURL,
            httpx.UnsupportedProtocol,
            httpx.LocalProtocolError,
            ValueError,
        ) as error:
            # First: two of these are transport errors to httpx. No later try fares better. Without
            # its cause, whose words in a traceback would show a header.
            raise RefusedError(
                f"{asked} cannot be asked: {self._clean(str(error))}", hint=self.hint
            ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise BusyError(
                f"{asked}: no connection: {self._clean(str(error))}.", in_doubt=False
            ) from error
        except httpx.TransportError as error:
            raise BusyError(
                f"{asked}: {type(error).__name__}: {self._clean(str(error))}.", in_doubt=True
            ) from error

    def _failure(self, asked: str, response: httpx.Response) -> BusyError | RefusedError:
        status = response.status_code
        message = (
            f"{asked} answers {status} {response.reason_phrase}: "
            f"{self._engine_message(response) or 'nothing'}"
        )
        if status in _TOO_MANY or status == _TIMED_OUT or status >= _SERVER:
            return BusyError(
                message,
                in_doubt=status not in _TOO_MANY,
                wait=_retry_after(response.headers.get("Retry-After", "")),
                hint=self._hint(status),
            )
        kind = RefusedError
        if status in _NO_ACCESS or status in self.denies:
            kind = AccessRefusedError
        elif status in _NOT_FOUND:
            kind = UnknownRunError
        return kind(message, hint=self._hint(status), status=status, answer=_object(response))

    def _hint(self, status: int) -> str:
        general = _HINT_DOWN if status >= _SERVER else _HINTS.get(status, self.hint)
        return self.hints.get(status, general)

    def _engine_message(self, response: httpx.Response) -> str:
        """The engine's message of a refusal: the field for people, otherwise all of the answer."""
        fields = _object(response) or {}
        found = (fields.get(name) for name in _FOR_PEOPLE)
        text = next((value for value in found if isinstance(value, str) and value.strip()), None)
        return self._shown(response) if text is None else self._clean(text)[:_SHOWN]

    def _read(self, asked: str, response: httpx.Response) -> Json:
        if not response.content.strip():
            return {}
        if (found := _object(response)) is None:
            raise UnreadableError(
                (
                    f"{asked} answers {response.status_code} and no JSON object: "
                    f"{self._shown(response) or 'nothing'}"
                ),
                hint=self.hint,
            )
        return found

    def _shown(self, response: httpx.Response) -> str:
        return self._clean(" ".join(response.text.split()))[:_SHOWN]

    def _clean(self, text: str) -> str:
        """An engine may repeat what it was sent; a secret stays one."""
        for secret in self.secrets:
            # As it is, and as Python writes it: an error shows a header with its line's end as \\n.
            for written in (secret, repr(secret)[1:-1]):
                if written:
                    text = text.replace(written, "***")
        return text


@cache
def _trusted() -> SSLContext:
    """Whom to trust: read once, as it takes longer than most requests."""
    import httpx  # noqa: PLC0415 - imported when a job runs, not when a Pond is

    return httpx.create_ssl_context()


def pick(answer: Json, path: str) -> object:
    """What lies at ``path`` (``state.life_cycle_state``, ``runs.0.id``) in an answer; None if
    nothing does.
    """
    found: object = answer
    for step in path.split("."):
        match found:
            case Mapping() if step in found:
                found = found[step]
            case list() if step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            case _:
                return None
    return found


def instant(value: object) -> datetime | None:
    """A point in time as APIs write it: ISO 8601, or seconds or milliseconds since 1970. None:
    it is none of these.
    """
    try:
        match value:
            case bool():
                return None
            case int() | float() if value > 0:
                return datetime.fromtimestamp(
                    value / 1000 if value > _AS_MILLISECONDS else value, UTC
                )
            case str():
                read = datetime.fromisoformat(value)
                return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
            case _:
                return None
    except (ValueError, OverflowError, OSError):
        pass
    return None


_AS_MILLISECONDS = 100_000_000_000
"""A larger number cannot be seconds (it would be after the year 5000)."""


def _object(response: httpx.Response) -> Json | None:
    try:
        found = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    if isinstance(found, list):
        return {str(number): one for number, one in enumerate(found)}
    return found if isinstance(found, dict) else None


def _address(url: str) -> str:
    """An address without its query and user: both may hold a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.scheme else ""
    return f"{host}{parts.path}"


def _retry_after(value: str) -> float:
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
