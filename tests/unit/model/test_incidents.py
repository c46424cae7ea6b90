from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from duckstring.model.incidents import Incident, Told
from duckstring.model.names import Line

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_what_is_told_of_a_line_reads_back():
    told = Told(Line("sales@1"), 3, {"failed": Incident(NOON, "event", NOON, sent=True)})
    assert msgspec.json.decode(msgspec.json.encode(told), type=Told) == told


def test_nothing_is_told_at_first():
    assert Told(Line("sales@1")).incidents == {}
