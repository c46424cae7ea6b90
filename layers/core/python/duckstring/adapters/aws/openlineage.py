"""Events of OpenLineage leave the Catchment: by HTTP, to the receiver."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from urllib3 import HTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from duckstring.exporter.openlineage_ports import Event, RefusedError, UnreachableError
from duckstring.model.foreign import readable
from duckstring.model.openlineage import KEY_NAME, KEY_OWNER, may_have_key

_TIMEOUT = Timeout(connect=3, read=10)
_MOST_ANSWER = 2_000
_MOST_SHOWN = 300
_TAKEN = range(200, 300)
_LATER = frozenset({401, 403, 404, 408, 409, 425, 429})
"""Answers that say nothing of the event itself: a key that is not right yet, a wrong address, too
much at once.
"""
_BROKEN = 500


class HttpReceiver:
    """``exporter.ports.Receiver``: the HTTP API of OpenLineage. It follows no redirect."""

    def __init__(self, url: str, entries: Callable[[str], Mapping[str, str]]) -> None:
        """Post to ``url``. ``entries`` gives the secrets that a Pond of this name would see."""
        self._url, self._entries = url, entries
        self._pool = PoolManager(num_pools=1, timeout=_TIMEOUT, retries=False)
        self._key: str | None = None

    def refresh(self) -> None:
        """Read the key again at the next event: it may have been set since."""
        self._key = None

    def post(self, event: Event) -> None:
        """Post one event.

        Raises:
            UnreachableError: there is no answer, or one that may be another later.
            RefusedError: the receiver refused the event.
        """
        if self._key is None:
            self._key = (
                self._entries(KEY_OWNER).get(KEY_NAME, "") if may_have_key(self._url) else ""
            )
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        host = urlsplit(self._url).hostname
        try:
            answer = self._pool.request(
                "POST",
                self._url,
                body=json.dumps(event).encode(),
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            said = self._said(answer)
        except (HTTPError, ValueError, OSError) as error:
            # The text of some errors has the request in it.
            raise UnreachableError(f"{host} does not answer: {type(error).__name__}.") from None
        if answer.status in _TAKEN:
            return
        if answer.status in _LATER or answer.status >= _BROKEN:
            raise UnreachableError(f"{host} answered {answer.status}{said}")
        raise RefusedError(
            f"{host} refused an event, {answer.status}{said}",
            hint="Look whether it takes events of OpenLineage 2-0-2 at this address.",
        )

    def _said(self, answer: HTTPResponse | object) -> str:
        """The beginning of an answer, after a colon; if it has no text, a full stop. All of a short
        one is read, so that the connection serves again.
        """
        assert isinstance(answer, HTTPResponse)  # noqa: S101 - for the type checker
        body = answer.read(_MOST_ANSWER)
        answer.drain_conn() if len(body) < _MOST_ANSWER else answer.close()
        said = readable(body.decode(errors="replace")).strip()
        shown = (said.replace(self._key, "***") if self._key else said)[:_MOST_SHOWN]
        return f": {shown}" if shown else "."
