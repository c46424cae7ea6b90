"""What the vendor is asked and answers, on the wire, and the workers' side of it."""

from __future__ import annotations

import json
import math
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.engine.effects import PublishSnapshot
from duckstring.errors import DuckstringError, InvariantError, OperatorError, TransientError
from duckstring.model.costs import from_text as used_from_text
from duckstring.model.instants import from_text, to_text
from duckstring.model.names import Line, parse_line
from duckstring.model.permits import AttemptName
from duckstring.vendor.ports import Permitted, Session
from duckstring.vendor.vend import Request

_MOST_ANSWER = 5_900_000
"""Characters: Lambda answers 6 MB at most. Forty Sources of a thousand tables each have room."""

Json = Mapping[str, Any]


def request_to_object(request: Request) -> dict[str, object]:
    """The event of the vendor function."""
    return asdict(request)


def request_of(event: Mapping[str, Any]) -> Request:
    """Read what ``request_to_object`` wrote. Any worker may send anything.

    Raises:
        OperatorError: the event is not a request.
    """
    try:
        of = event["attempt"]
        parse_line(of["line"])
        attempt = AttemptName(
            Line(of["line"]), int(of["run"]), str(of["ripple"]), int(of["attempt"])
        )
        return Request(
            attempt,
            str(event.get("permit") or ""),
            "on_kill" if event.get("purpose") == "on_kill" else "run",
            int(event.get("launch") or 0),
            bool(event.get("has_begun")),
            _finite(event.get("seconds") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise OperatorError(
            f"The vendor was asked for something that is not an attempt ({type(error).__name__}).",
            hint="Only workers of this release ask it.",
        ) from error


def _finite(value: str | float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def answer_to_object(permitted: Permitted) -> dict[str, object]:
    """The answer of the vendor function.

    Raises:
        InvariantError: it is larger than Lambda answers.
    """
    whole = {
        "state": codec.state_to_text(permitted.state),
        "snapshots": {
            line: {
                "run": one.run,
                "f": to_text(one.f),
                "tables": codec.tables_to_text(one.tables),
                "dropped": codec.dropped_to_text(one.dropped),
                "warnings": codec.warnings_to_text(one.warnings),
            }
            for line, one in permitted.snapshots.items()
        },
        "secrets": dict(permitted.secrets),
        "environment": dict(permitted.environment),
        "sessions": [asdict(session) for session in permitted.sessions],
    }
    text = b64encode(zlib.compress(json.dumps(whole).encode(), level=1)).decode()
    if len(text) > _MOST_ANSWER:
        raise InvariantError(
            f"What {permitted.state.line} reads has {len(text):,} characters of manifests; there "
            f"is room for {_MOST_ANSWER:,}.",
            hint="Read from fewer Sources, or from Sources with fewer tables.",
        )
    return {"ok": True, "permitted": text}


def refusal_to_object(error: DuckstringError) -> dict[str, object]:
    """The answer of the vendor function where it gives nothing."""
    kind = "TransientError" if isinstance(error, TransientError) else "OperatorError"
    return {"ok": False, "error": {"type": kind, "message": error.message, "hint": error.hint}}


def answer_of(answer: Json) -> Permitted:
    """Read what ``answer_to_object`` or ``refusal_to_object`` wrote.

    Raises:
        OperatorError: the vendor refuses; nobody should ask again.
        TransientError: it may answer later.
    """
    if not answer.get("ok"):
        told = answer.get("error") or {}
        kind = OperatorError if told.get("type") == "OperatorError" else TransientError
        raise kind(
            str(told.get("message") or "The vendor did not answer."),
            hint=str(told.get("hint") or ""),
        )
    whole: Json = json.loads(zlib.decompress(b64decode(answer["permitted"])))
    return Permitted(
        codec.state_from_text(whole["state"]),
        {Line(line): _snapshot(one) for line, one in whole["snapshots"].items()},
        whole["secrets"],
        [
            Session(**{**one, "lines": tuple(Line(line) for line in one["lines"])})
            for one in whole["sessions"]
        ],
        # A vendor of an earlier release has none to give.
        whole.get("environment", {}),
    )


def _snapshot(one: Json) -> PublishSnapshot:
    return PublishSnapshot(
        one["run"],
        from_text(one["f"]),
        codec.tables_from_text(one["tables"]),
        codec.dropped_from_text(one["dropped"]),
        codec.warnings_from_text(one.get("warnings", "[]")),
    )


class LambdaVendor:
    """The vendor function, as workers call it."""

    def __init__(self, clients: Clients, function: str) -> None:
        """The function's name, and clients with the worker's own credentials."""
        self._clients, self._function = clients, function

    def ask(self, request: Request) -> Permitted:
        """What the vendor gives.

        Raises:
            OperatorError: it refuses.
            TransientError: it did not answer.
        """
        response = self._clients.vendor.invoke(
            FunctionName=self._function, Payload=json.dumps(request_to_object(request)).encode()
        )
        answer: Json = json.loads(response["Payload"].read())
        if response.get("FunctionError"):
            raise TransientError(
                f"The vendor failed: {str(answer.get('errorMessage') or answer)[:300]}",
                hint="Its log says why. The attempt is made again.",
            )
        # What the vendor used is the attempt's, as if its own worker had used it.
        for kind, amount in (used_from_text(answer.get("used")) or {}).items():
            self._clients.tally.add(kind, amount)
        return answer_of(answer)
