"""Who gets pages: a web address or a mailbox, and which pages. Checked before anything is made."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from duckstring.errors import nearest
from duckstring.model.alert_names import NAME
from duckstring.model.events import ALERT_TYPE, SOURCE
from duckstring.model.names import POND_NAME
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import InputTransformerTypeDef, TargetTypeDef

Kind = Literal["slack", "webhook", "email"]
ON = ("failed", "stale", "recovered")
MOST_PATTERN = 2_048
"""Characters of a rule's pattern, by EventBridge."""
_MOST_URL = 2_048
_HERE = {"127.0.0.1", "localhost", "::1"}
_EMAIL = re.compile(r"[^\s@,\x00-\x1f\x7f]{1,64}@[^\s@,\x00-\x1f\x7f]{1,255}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}", re.ASCII)
_VALUE = re.compile(r"[!-9;-~]+(?:[ \t]+[!-9;-~]+)*", re.ASCII)
_MOST_VALUE = 512
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_OF = {"failed": ["failed", "killed"], "stale": ["stale"]}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pages an alert sends. ``ponds`` empty: of all."""

    on: tuple[str, ...] = ON
    ponds: tuple[str, ...] = ()

    def pattern(self, name: str) -> str:
        """The pattern of the alert's rule. Tests of it match, too."""
        troubles = [one for one in ON[:2] if one in self.on]
        kinds: list[Mapping[str, object]] = []
        if troubles:
            kinds.append({"alert": [word for one in troubles for word in _OF[one]]})
        if "recovered" in self.on:
            kinds.append({"alert": ["recovered"], "of": troubles or list(ON[:2])})
        kinds.append({"alert": ["test"], "to": [name]})
        detail: dict[str, object] = {"$or": kinds}
        if self.ponds:
            detail["concerns"] = list(self.ponds)
        whole = {"source": [SOURCE], "detail-type": [ALERT_TYPE], "detail": detail}
        return json.dumps(whole, separators=(",", ":"))


def read_pattern(text: str) -> Wanted:
    """What a rule of an alert says. One that somebody has changed by hand says as much as can be
    read.
    """
    try:
        detail = json.loads(text)["detail"]
        words = {word for kind in detail["$or"] for word in kind["alert"]}
        ponds = tuple(str(one) for one in detail.get("concerns", ()))
    except (ValueError, LookupError, TypeError):
        return Wanted(on=())
    return Wanted(tuple(one for one in ON if one in words), ponds)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where pages go. ``address``: a URL, which is a secret, or of a mailbox. ``header``: what a
    webhook is called with, and its value.
    """

    kind: Kind
    address: str = field(repr=False)
    header: str = ""
    value: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """As much of the address as anybody may see."""
        return self.address if self.kind == "email" else host_of(self.address)


def host_of(url: str) -> str:
    """The host of a URL, whose path may be a password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def check_url(url: str, *, is_local: bool) -> None:
    """A URL that EventBridge can call.

    Raises:
        BadInputError: it is none. The text never has the whole URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise _wrong_url("it cannot be read") from None
    if not _VISIBLE.fullmatch(url) or len(url) > _MOST_URL:
        raise _wrong_url(f"it has spaces, other signs than ASCII, or more than {_MOST_URL}")
    allowed = ("https", "http") if is_local and host in _HERE else ("https",)
    if parts.scheme not in allowed or not host:
        found = f"{parts.scheme}://{host}" if parts.scheme in {"http", "https"} else "no https://"
        raise _wrong_url(f"found {found}; allowed: https://HOST/...")
    if "@" in parts.netloc or parts.fragment or "*" in url:
        raise _wrong_url("it has a user, a fragment (#) or a *")


def _wrong_url(why: str) -> BadInputError:
    return BadInputError(
        f"The URL cannot be called: {why}.",
        hint="Copy it whole from Slack or the service, between single quotation marks.",
    )


def check_email(address: str) -> None:
    """An address that SNS can mail to.

    Raises:
        BadInputError: it is none.
    """
    if not _EMAIL.fullmatch(address):
        raise BadInputError(f"{address[:80]!r} is no email address, such as team@example.com.")


def check_header(name: str) -> None:
    """The name of a header.

    Raises:
        BadInputError: it cannot be one.
    """
    if not _HEADER.fullmatch(name):
        raise BadInputError(
            f"--header {name[:80]!r} is no header's name, such as Authorization.",
            hint="Its value is asked for, or read from standard input.",
        )


def check_header_value(name: str, value: str) -> None:
    """What a header is sent with. EventBridge sends no page with another one.

    Raises:
        BadInputError: it cannot be one. The text does not have it.
    """
    if not _VALUE.fullmatch(value) or len(value) > _MOST_VALUE:
        raise BadInputError(
            f"The value of {name} cannot be sent; allowed: one line of 1 to {_MOST_VALUE} signs of "
            "ASCII, without a colon.",
            hint=f"Give the value alone, without {name} before it.",
        )


def wanted(on: str | None, ponds: Sequence[str] | None) -> Wanted:
    """Which pages are meant by what was typed.

    Raises:
        BadInputError: a word is unknown.
    """
    words = _words(on) if on is not None else ON
    for word in words:
        if word not in ON:
            raise BadInputError(
                f"--on has {word[:40]!r}; allowed: {', '.join(ON)}, with commas between."
                f"{nearest(word, ON, ' Did you mean {}?')}"
            )
    if not words:
        raise BadInputError(f"--on names nothing; allowed: {', '.join(ON)}.")
    named = tuple(dict.fromkeys(one for text in ponds or () for one in _words(text)))
    for pond in named:
        if not POND_NAME.fullmatch(pond):
            raise BadInputError(
                f"--pond {pond[:60]!r} is not a Pond's name.",
                hint="Several have commas between: --pond sales,reports. All majors count.",
            )
    if ponds and not named:
        raise BadInputError("--pond names none; leave it out for all Ponds.")
    return Wanted(tuple(one for one in ON if one in words), named)


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for word in text.split(","))))


def new_name(given: str | None, kind: str, taken: Collection[str]) -> str:
    """The name of a new alert: the one that is given, or the kind and a number.

    Raises:
        BadInputError: it cannot be one, or is taken.
    """
    if given is None:
        return next(
            name
            for number in range(1, len(taken) + 2)
            if (name := kind if number == 1 else f"{kind}-{number}") not in taken
        )
    check_name(given)
    if given in taken:
        raise BadInputError(
            f"There is an alert {given!r} already.",
            hint=f"Take another name, or remove it first: duckstring alert rm {given}",
        )
    return given


def check_name(name: str) -> None:
    """The name of an alert.

    Raises:
        BadInputError: it cannot be one.
    """
    if not NAME.fullmatch(name):
        raise BadInputError(
            f"{name[:60]!r} is not an alert's name; allowed: a lower-case letter, then up to 12 "
            "lower-case letters, digits and -."
        )


def check_pattern(pattern: str, ponds: Sequence[str]) -> None:
    """EventBridge takes the pattern.

    Raises:
        BadInputError: it is too long.
    """
    if len(pattern) > MOST_PATTERN:
        raise BadInputError(
            f"{len(ponds)} Ponds make the rule's pattern {len(pattern):,} characters long; "
            f"EventBridge takes {MOST_PATTERN:,}.",
            hint="Divide them between two alerts, or leave --pond out for all.",
        )


def with_input(target: TargetTypeDef, kind: Kind) -> TargetTypeDef:
    """The target of a rule, with how EventBridge makes the message out of a page."""
    match kind:
        case "slack":
            return {**target, "InputPath": "$.detail.slack"}
        case "webhook":
            return {**target, "InputPath": "$.detail"}
        case "email":
            lines = ("title", "what", "effect", "todo")
            transformer: InputTransformerTypeDef = {
                "InputPathsMap": {one: f"$.detail.email.{one}" for one in lines},
                "InputTemplate": "\n".join(f'"<{one}>"' for one in lines),
            }
            return {**target, "InputTransformer": transformer}
