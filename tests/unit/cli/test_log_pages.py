"""The emulator's logs, page after page, and the command's reading of all of them."""

from __future__ import annotations

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from duckstring_cli.local.logs import page, read_token
from duckstring_cli.logbook import Logbook

EVENTS = st.lists(st.integers(1, 9), max_size=12).map(
    lambda times: [{"timestamp": at, "message": f"{at}.{n}"} for n, at in enumerate(sorted(times))]
)


def all_pages(streams, fits, asked):
    found, token, pages = [], "", 0
    while True:
        events, token = page(streams, fits, asked, read_token(token))
        found += events
        pages += 1
        if not token:
            return found, pages


@given(
    streams=st.dictionaries(st.sampled_from("abc"), EVENTS),
    limit=st.integers(1, 5),
    start=st.none() | st.integers(0, 10),
    end=st.none() | st.integers(0, 10),
)
def test_pages_together_are_the_whole_log_in_order(streams, limit, start, end):
    fits = lambda text: int(text.partition(".")[2]) % 3 != 1  # noqa: E731
    asked = {"limit": limit, "startTime": start, "endTime": end}
    found, pages = all_pages(
        streams, fits, {name: value for name, value in asked.items() if value is not None}
    )
    wanted = sorted(
        (event["timestamp"], name, event["message"])
        for name, events in streams.items()
        for event in events
        if fits(event["message"])
        and (start is None or event["timestamp"] >= start)
        and (end is None or event["timestamp"] <= end)
    )
    assert (
        sorted((event["timestamp"], event["logStreamName"], event["message"]) for event in found)
        == wanted
    )
    assert [event["timestamp"] for event in found] == [at for at, _, _ in wanted]
    assert pages <= len(wanted) // limit + 2


def test_lines_of_one_instant_do_not_stop_the_pages():
    """The emulator writes all that an invocation printed at its end."""
    events = [{"timestamp": 7, "message": str(number)} for number in range(25_001)]
    found, pages = all_pages({"one": events}, lambda _: True, {})
    assert ([event["message"] for event in found], pages) == (
        [str(number) for number in range(25_001)],
        3,
    )


class Pages:
    """A log of so many pages, a line each."""

    def __init__(self, count):
        self.count = count

    def get_paginator(self, _name):
        return self

    def paginate(self, **_asked):
        return (
            {"events": [{"timestamp": number, "message": str(number)}]}
            for number in range(self.count)
        )


def test_a_long_log_is_read_to_its_end():
    assert [entry.text for entry in Logbook(Pages(1_000)).entries("group", start=0, end=1)][
        -1
    ] == "999"


def test_how_long_lines_are_kept_is_not_known_to_who_may_not_list_groups():
    class Denied:
        def describe_log_groups(self, **_: object) -> object:
            refusal = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
            raise ClientError(refusal, "DescribeLogGroups")

    assert Logbook(Denied()).days_kept("ripples") is None
