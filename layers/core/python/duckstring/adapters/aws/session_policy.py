"""The session policies of an attempt: which part of the role of attempts its credentials have.

A session may do what both the role and one of its session policies allow. The role names the table,
the bucket and the queue; so these policies need not name the bucket again, and have room for more
objects. AWS takes 2,048 characters of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from duckstring.adapters.aws.layout import arrival_partition
from duckstring.model.names import Line, parse_line, readable
from duckstring.model.permits import AttemptName
from duckstring.vendor.ports import Rights

MOST_CHARACTERS = 2_048

Statement = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """One policy. ``lines``: the Sources that it alone reaches; empty: it is for all else."""

    text: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """The ARNs that a policy names. ``kms_key``: the user's key that encrypts what is stored, if
    there is one.
    """

    table: str
    mailbox: str
    kms_key: str = ""

    @property
    def buckets(self) -> str:
        """The ARN of any bucket."""
        return f"arn:{self.table.split(':')[1]}:s3:::*"

    @property
    def objects(self) -> str:
        """What the ARN of an object of the Catchment's bucket begins with, the bucket left out."""
        return f"arn:{self.table.split(':')[1]}:s3:::*/"


def session_policies(
    rights: Rights, places: Places, *, most: int = MOST_CHARACTERS
) -> Sequence[SessionPolicy]:
    """One policy, where it has room for all Sources; otherwise the rest of them in others.

    Objects are named one by one where that has room. The tables of a Source with more of them are
    reached by its prefix, the Source with the most first: then the attempt may read other versions
    of that Source's tables too.

    Args:
        rights: what the attempt may reach.
        places: the Catchment's table and mailbox.
        most: how many characters a policy may have.
    """
    base = _base(rights, places)
    for landing in _landing(rights, places):
        if len(_text([*base, landing])) <= most:
            base.append(landing)
            break
    named = dict(rights.sources)
    while named:
        if len(text := _text([*base, *_reading(rights.sources, named, places)])) <= most:
            return [SessionPolicy(text)]
        named.pop(max(named, key=lambda line: (len(named[line]), line)))
    if len(text := _text([*base, *_reading(rights.sources, {}, places)])) <= most:
        return [SessionPolicy(text)]
    return [SessionPolicy(_text(base)), *_split(sorted(rights.sources), places, most)]


def _base(rights: Rights, places: Places) -> list[Statement]:
    attempt, objects = rights.attempt, places.objects
    pond, _ = parse_line(attempt.line)
    reads = [f"{objects}artifacts/{pond}/*"]
    writes = [
        f"{objects}errors/{attempt.line}/{attempt.run}-{attempt.ripple}-{attempt.attempt}.txt"
    ]
    if rights.writes:
        reads.append(f"{objects}data/{attempt.line}/*")
    if rights.may_write:
        writes.append(f"{objects}{_written(attempt)}")
    listed = {"StringLike": {"s3:prefix": _located(attempt)}}
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"WORK#{attempt.line}"]}}
    former = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"LINE#{attempt.line}"]}}
    arrived = {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [arrival_partition(attempt.line)]}
    }
    items = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    return [
        _allow("s3:GetObject", reads),
        _allow("s3:PutObject", writes),
        *([_allow("s3:ListBucket", places.buckets, listed)] if rights.may_write else []),
        _allow(items, places.table, own),
        # What was remembered before memory had a partition of its own.
        _allow("dynamodb:GetItem", places.table, former),
        *([_allow("dynamodb:Query", places.table, arrived)] if rights.arrivals else []),
        _allow("sqs:SendMessage", places.mailbox),
        *_decrypting(places),
    ]


def _landing(rights: Rights, places: Places) -> Iterator[Statement]:
    """To read what the line's arrival rules fit; where that has no room, all of their buckets. Only
    an Inlet has this, so no Source wants the room.
    """
    start = places.buckets.removesuffix("*")
    if rights.rules:
        fits = {
            f"{start}{one.bucket}/{_plain(one.prefix)}*{_plain(one.suffix)}" for one in rights.rules
        }
        yield _allow("s3:GetObject", sorted(fits))
        yield _allow("s3:GetObject", sorted({f"{start}{one.bucket}/*" for one in rights.rules}))


def _plain(text: str) -> str:
    """Text that IAM takes as it is."""
    return "".join(f"${{{one}}}" if one in "*?$" else one for one in text)


def _decrypting(places: Places) -> list[Statement]:
    """The role says by which services the key may be used."""
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    return [_allow(actions, places.kms_key)] if places.kms_key else []


def _written(attempt: AttemptName) -> str:
    """The keys that only this attempt writes (``table_key``)."""
    return f"data/{attempt.line}/*/{attempt.run:010d}-{attempt.ripple}-{attempt.attempt}-*"


def _located(attempt: AttemptName) -> str:
    """Where engines write for this Ripple in this run: also those that an earlier attempt has
    started.
    """
    return f"data/{attempt.line}/*/{attempt.run:010d}-{attempt.ripple}-*"


def _reading(
    lines: Iterable[Line], named: Mapping[Line, Collection[str]], places: Places
) -> Iterator[Statement]:
    keys = [
        f"{places.objects}{key}"
        for line in sorted(lines)
        for key in (
            sorted(set(map(readable, named[line]))) if line in named else [f"data/{line}/*"]
        )
    ]
    if keys:
        yield _allow("s3:GetObject", keys)


def _split(lines: Sequence[Line], places: Places, most: int) -> Iterator[SessionPolicy]:
    """Policies for all lines, as many to each as there is room for."""
    part: list[Line] = []
    for line in lines:
        if part and len(_of_lines([*part, line], places)) > most:
            yield SessionPolicy(_of_lines(part, places), tuple(part))
            part = []
        part.append(line)
    yield SessionPolicy(_of_lines(part, places), tuple(part))


def _of_lines(lines: Sequence[Line], places: Places) -> str:
    return _text([*_reading(lines, {}, places), *_decrypting(places)])


def _allow(
    actions: object, resources: object, condition: Mapping[str, object] | None = None
) -> Statement:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def _text(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
