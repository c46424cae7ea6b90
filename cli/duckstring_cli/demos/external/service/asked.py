"""What both faces of the service share: what is asked, how it is refused, and refusals on
request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock

Values = Mapping[str, object]
Answer = dict[str, object]

MOST_TIMES = 10_000


class RefusedError(Exception):
    """The request is refused, in the shape that the Jobs API refuses with."""

    def __init__(
        self,
        message: str,
        *,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        code: str = "INVALID_PARAMETER_VALUE",
        wait: int = 0,
    ) -> None:
        """Say what was wrong with the request. ``wait``: seconds after which it may be made
        again.
        """
        super().__init__(message)
        self.status = status
        self.answer: Answer = {"error_code": code, "message": message}
        self.headers = {"Retry-After": str(wait)} if wait else {}


def number(values: Values, name: str) -> int:
    """A required whole number of a request.

    Raises:
        RefusedError: it is absent or no whole number.
    """
    found = values.get(name)
    if isinstance(found, bool) or not str(found).isdecimal():
        raise RefusedError(f"{name} must be a whole number, found {found!r}.")
    return int(str(found))


@dataclass
class Fault:
    """The next ``times`` requests to a path that ends so are answered with ``status``;
    ``after``: having been carried out.
    """

    ending: str
    status: HTTPStatus
    times: int
    after: bool
    wait: int

    def strike(self) -> RefusedError:
        """The answer."""
        code = (
            "REQUEST_LIMIT_EXCEEDED"
            if self.status is HTTPStatus.TOO_MANY_REQUESTS
            else "TEMPORARILY_UNAVAILABLE"
        )
        return RefusedError(
            f"{self.status.phrase}, as it was told to.",
            status=self.status,
            code=code,
            wait=self.wait,
        )


class Faults:
    """The faults that were asked for and have not struck yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []

    def add(self, values: Values) -> Answer:
        """Ask for one:
        ``{"call": "runs/get", "status": 503, "times": 2, "after": false, "wait": 0}``; ``times`` 0
        takes it back.

        Raises:
            RefusedError: it cannot be.
        """
        if unknown := sorted(set(values) - {"call", "status", "times", "after", "wait"}):
            raise RefusedError(
                f"Unknown: {', '.join(unknown)}. A fault has call, status, times, after and wait."
            )
        call, after = values.get("call"), values.get("after", False)
        if not isinstance(call, str) or not call or not isinstance(after, bool):
            raise RefusedError(
                f"call must be the end of a path and after true or false, found {call!r} and "
                f"{after!r}."
            )
        status, times = (
            number({"status": 503, **values}, "status"),
            number({"times": 1, **values}, "times"),
        )
        if status not in {429, 500, 502, 503, 504} or times > MOST_TIMES:
            raise RefusedError(
                f"status must be 429, 500, 502, 503 or 504 and times at most {MOST_TIMES}, found "
                f"{status} and {times}."
            )
        with self._lock:
            self._faults = [fault for fault in self._faults if fault.ending != call]
            self._faults.append(
                Fault(call, HTTPStatus(status), times, after, number({"wait": 0, **values}, "wait"))
            )
        return {
            "faults": [
                {"call": fault.ending, "status": int(fault.status), "times": fault.times}
                for fault in self._faults
            ]
        }

    def take(self, path: str) -> Fault | None:
        """The fault that this request meets, if any; it has struck once more."""
        with self._lock:
            fault = next(
                (one for one in self._faults if one.times and path.endswith(one.ending)), None
            )
            if fault:
                fault.times -= 1
            return fault
