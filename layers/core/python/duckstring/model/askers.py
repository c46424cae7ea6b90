"""By which names the runs are found that somebody asked for. Who asked is kept as an ARN, as
``user@host``, or as the event that did; nobody types these in full.

An asker has one or two ``keys``, short texts. What is stored under a key is found without a look at
the runs of others. A name may be that of several askers (``alice`` is a user of IAM, and
``alice@laptop``). Then it means all of them. Case does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ARN = re.compile(r"arn:(aws[a-z-]*):(iam|sts)::(\d{12}):(\S{1,400})", re.ASCII)
_EVENT = re.compile(r"(event of .+?)( in \d{12})?", re.ASCII)
_EVENT_OF = "event of "
_SESSION_PARTS = 3


def matches(wanted: str, by: str) -> bool:
    """Whether ``wanted`` is a name of who is kept as ``by``."""
    return _normal(wanted) in forms_of(by)


def keys_of(by: str) -> frozenset[str]:
    """The keys of who is kept as ``by``: one or two, none of nobody."""
    return frozenset(map(key_of, forms_of(by)))


def key_of(wanted: str) -> str:
    """The key under which all are found that ``wanted`` may mean, and others besides
    (``matches`` tells).
    """
    normal = _normal(wanted)
    if event := _EVENT.fullmatch(normal):
        return event[1].removeprefix(_EVENT_OF)
    found = _ARN.fullmatch(normal)
    return (found[4] if found else normal).rpartition("/")[2]


def forms_of(by: str) -> frozenset[str]:
    """All names of who is kept as ``by``, in lower case.

    Of ``arn:aws:iam::123456789012:user/data/alice`` also ``user/data/alice`` and ``alice``; of the
    session ``arn:aws:sts::123456789012:assumed-role/ci/build-7`` also ``assumed-role/ci/build-7``,
    ``build-7``, and the role: ``ci``, ``role/ci``, ``assumed-role/ci`` and its ARN; of
    ``alice@laptop`` also ``alice``; of ``event of shop.orders in 123456789012`` also
    ``event of shop.orders``.
    """
    text = _normal(by)
    return frozenset(_forms(text)) if text else frozenset()


def _forms(text: str) -> Iterator[str]:
    yield text
    if event := _EVENT.fullmatch(text):
        yield event[1]
    elif found := _ARN.fullmatch(text):
        yield from _forms_of_arn(*found.groups())
    elif "@" in text and "/" not in text:
        yield text.partition("@")[0]


def _forms_of_arn(partition: str, service: str, account: str, resource: str) -> Iterator[str]:
    parts = resource.split("/")
    yield resource
    yield parts[-1]
    if service == "sts" and parts[0] == "assumed-role" and len(parts) == _SESSION_PARTS:
        role = parts[1]
        yield from (role, f"role/{role}", f"assumed-role/{role}")
        yield f"arn:{partition}:iam::{account}:role/{role}"
        yield f"arn:{partition}:sts::{account}:assumed-role/{role}"


def _normal(text: str) -> str:
    """In one line and lower case. The path of a role is left out: a session's ARN has none."""
    line = " ".join(text.split()).casefold()
    return re.sub(r"(^|:)role/\S+/", r"\1role/", line)
