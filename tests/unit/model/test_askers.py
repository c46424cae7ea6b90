"""The names by which the runs of somebody are found."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duckstring.model.askers import forms_of, key_of, keys_of, matches

ACCOUNT = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/data/alice"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/build-7"
EVENT = f"event of shop.orders in {ACCOUNT}"
KEPT = (USER, SESSION, EVENT, "alice@laptop", "alice", f"arn:aws:iam::{ACCOUNT}:root", "")
"""Who asked, as it is kept."""


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("alice", {USER, "alice@laptop", "alice"}),
        ("ALICE", {USER, "alice@laptop", "alice"}),
        ("alice@laptop", {"alice@laptop"}),
        ("user/data/alice", {USER}),
        (USER, {USER}),
        ("build-7", {SESSION}),
        ("assumed-role/ci/build-7", {SESSION}),
        ("ci", {SESSION}),
        ("role/ci", {SESSION}),
        ("assumed-role/ci", {SESSION}),
        (f"arn:aws:iam::{ACCOUNT}:role/ci", {SESSION}),
        (f"arn:aws:iam::{ACCOUNT}:role/service-role/ci", {SESSION}),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci", {SESSION}),
        (f"arn:aws:iam::{'9' * 12}:role/ci", set()),
        (EVENT, {EVENT}),
        ("event of shop.orders", {EVENT}),
        ("shop.orders", set()),
        ("root", {f"arn:aws:iam::{ACCOUNT}:root"}),
        ("ali", set()),
        ("", set()),
    ],
)
def test_a_name_means_those_whose_name_it_is(wanted, found):
    assert {by for by in KEPT if matches(wanted, by)} == found


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (USER, {"alice"}),
        (SESSION, {"ci", "build-7"}),
        (EVENT, {"shop.orders"}),
        ("alice@laptop", {"alice", "alice@laptop"}),
        ("", set()),
    ],
)
def test_who_asked_has_one_key_or_two(by, keys):
    assert keys_of(by) == keys


def test_an_event_is_not_taken_for_a_person_whatever_its_source_is_called():
    forged = f"event of {USER} in {ACCOUNT}"
    assert not matches("alice", forged)
    assert not matches(USER, forged)


NAMES = st.one_of(
    st.sampled_from(KEPT),
    st.text(max_size=40),
    st.from_regex(
        r"arn:aws:(iam|sts)::\d{12}:(user|role|assumed-role)/[a-zA-Z/@.]{1,20}", fullmatch=True
    ),
    st.from_regex(r"event of [^\s]{1,10}( in \d{12})?", fullmatch=True),
)


@given(NAMES, NAMES)
@example("event of a/b", "event of a/b")
def test_who_is_meant_is_found_under_the_key_of_the_name(wanted, by):
    keys = keys_of(by)
    assert len(keys) <= 2
    names = [name for name in (wanted, *forms_of(by)) if matches(name, by)]
    assert {key_of(name) for name in names} <= keys


@given(NAMES)
def test_everybody_is_found_by_what_is_kept(by):
    assert matches(by, by) == bool(by.strip())
