"""How much foreign text is accepted, and how much of it is kept. There is one table, because all
that is kept together lies in one item.

Bytes are those of a text in JSON, as an item holds it (``stored_bytes``): a letter of ours spells
the same text in ASCII, with three times as many at most, and a row of history holds it plain, with
no more.

An item of DynamoDB has at most 409,600 bytes. The most that one letter adds to its line's item,
where everything is in flight at once (``MOST_RUNS`` = 50 runs of 40 Ripples, all branches waiting):

the failure of each run             50 x (1,200 + 300 + 150)              83 KB
and of its row                      50 x (1,200 + 300 + 250)              88 KB
an answer for each waiting branch   2,000 x 90, without a failure        180 KB
    (``adapters/aws/state.py``)
the end of one attempt              8,000 + 300 + 250                      9 KB
or of each attempt of an execution  40 x (500 + 300 + 250)                42 KB
what Sinks are told, twice          2 x (700 + 100 + 250)                  3 KB
warnings, published and in the row  2 x 50 x (160 + 48 + 40)              25 KB

Tables (300 for a Ripple), Sources, Sinks and Windows are on top of that. If the state is too large
for an item all the same, the commit finds that, and the letter that caused it is left out
(``orchestrator/deliver.py``).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping

MOST_ITEM_BYTES = 400_000
"""Of a line's item, with the names of its attributes; DynamoDB counts numbers in a way of its
own, and takes a little more.
"""

MOST_RELEASE_BYTES = 100_000
"""Of a release: a line's item may have two of them, and the names of all parents once more."""

MOST_LETTER_BYTES = 262_144
"""Of a letter's body, and of all bodies of one request: what SQS took before it took more."""

MOST_TOKENS = 1_000
"""Of a limit."""
MOST_LIMITS = 100
"""That operators may set in one Catchment."""
MOST_USES = 4
"""Limits of one Ripple."""
MOST_CLAIMS = 1_500
"""That a limit has in its item, 105 bytes each at most, with 90 more for each line. One that finds
no room asks again when the sweep notices.
"""
MOST_QUIET_LINES = 500
"""Lines without a claim whose last stamp a limit keeps."""
MOST_GRANTS = 500
"""Lines in the outbox of a limit, 95 bytes each at most. The others get theirs in a later step."""
USUAL_PRIORITY, MOST_PRIORITY = 50, 100
"""Of a line: 0 to 100, the highest first."""

MOST_DEPTH = 16
"""Objects and lists in one another. A release, the deepest that a letter holds, has five."""

MOST_TEXT = 4_096
"""UTF-8 bytes of a text in a letter that is not in ``FOREIGN_TEXTS``: names, keys, paths,
versions.
"""

FOREIGN_TEXTS: Mapping[tuple[str, str], int] = {
    ("Failure", "error"): 2_048,
    ("Failure", "message"): 65_536,
    ("Down", "message"): 16_384,
    ("Down", "error"): 2_048,
    ("ExecutionEnded", "cause"): 65_536,
    ("CheckWarning", "message"): 2_048,
    **{(kind, "by"): 1_024 for kind in ("Triggered", "Ordered", "HoldSet")},
    **{(kind, "note"): 2_048 for kind in ("Triggered", "Ordered", "HoldSet")},
}
"""UTF-8 bytes of the texts of others, by class and field: more than anybody of ours says. A
worker's error has 200 characters and its message 6,000 bytes; the state machine cuts what AWS says
to 4,000 characters; the rest is cut as below.
"""

REASON = 700
"""Kept of the failure that a Source is down for: it travels down the graph."""
REASON_ERROR = 100
"""Kept of the name of its error, there."""
ERROR = 300
"""Kept of the name of an error."""
MESSAGE = 1_200
"""Kept of a failure in a state, an answer to a gate and an event. History has all of it."""
CAUSE = 500
"""Kept of why an execution ended, in the row of each attempt that it had."""
ERROR_NAME = 200
"""Characters of the name of an error, as a worker says it."""
ANSWER = 6_000
"""Of a message in a worker's answer, as ASCII JSON: it travels as JSON in JSON in JSON, in an
error's cause of at most 32,768 characters.
"""
LAST_WORDS = 8_000
"""Kept of a failure in the row of an attempt whose worker could not write it: what AWS says of a
crash.
"""

BY = 300
"""Kept of who asked for something. A session's ARN has 2 x 64 characters of names in it."""
NOTE = 600
"""Kept of the note that goes with it, and allowed of one."""

MOST_SINKS = 1_500
"""That a line knows, of up to 100 bytes each. Each sends letters of its own."""
MOST_PINS = 500
"""Ripples of a line that an operator's word tells where to run."""

_CUT = "..."


def stored_bytes(text: str) -> int:
    """How much room a text takes in an item, as part of JSON."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="backslashreplace")) - 2


def within(text: str, most: int, *, note: str = _CUT) -> str:
    """``text``, or its beginning and ``note``, in at most ``most`` bytes as they are stored."""
    if len(text) <= most and stored_bytes(text) <= most:
        return text
    room = most - stored_bytes(note)
    kept = bisect_right(
        range(1, min(len(text), room) + 1), room, key=lambda length: stored_bytes(text[:length])
    )
    return f"{text[:kept]}{note}"
