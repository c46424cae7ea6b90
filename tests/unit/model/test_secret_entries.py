import json

import pytest

from duckstring.errors import OperatorError
from duckstring.model.env_entries import Granted
from duckstring.model.secret_entries import (
    MOST_BYTES,
    Entry,
    SecretEntryError,
    check_name,
    granted,
    listed,
    parse_secret,
    with_all,
    with_entry,
    without_entry,
)
from duckstring.worker.surroundings import variables

SECRET = """
{"TOKEN": "t", "PORT": 8080, "SHARED": "all",
 "@sales": {"PASSWORD": "s", "SHARED": "own", "LIMITS": {"a": 1}}, "@orders": {"KEY": "k"}}
"""


def test_a_pond_sees_the_entries_of_all_and_its_own_over_them():
    assert granted(SECRET, "sales") == {
        "TOKEN": "t",
        "PORT": "8080",
        "SHARED": "own",
        "PASSWORD": "s",
        "LIMITS": '{"a": 1}',
    }


def test_a_pond_sees_nothing_of_another_one():
    assert granted(SECRET, "reports") == {"TOKEN": "t", "PORT": "8080", "SHARED": "all"}
    assert granted('{"@sales": {"A": "1"}}', "sale") == {}


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
def test_a_secret_that_nobody_has_filled_holds_nothing(text):
    assert granted(text, "sales") == {}


@pytest.mark.parametrize("text", ["no object", "[1]", "null", '"x"', "{", "[" * 60_000])
def test_a_secret_that_is_not_an_object_is_refused(text):
    with pytest.raises(OperatorError, match="The Catchment's secret is not a JSON object"):
        parse_secret(text)


@pytest.mark.parametrize("value", ["1", '"x"', "null", "[]"])
def test_entries_of_a_pond_that_are_not_an_object_are_refused(value):
    with pytest.raises(OperatorError, match="The Catchment's secret has @sales that is not a JSON"):
        granted(f'{{"@sales": {value}}}', "orders")


def test_all_entries_of_one_secret_go_over_those_of_another():
    both = with_all('{"A": "1", "B": "2", "@sales": {"K": "1", "L": "2"}}', SECRET)
    assert granted(both, "sales") == {
        **granted(SECRET, "sales"),
        "A": "1",
        "B": "2",
        "K": "1",
        "L": "2",
    }
    assert with_all(SECRET, "") == SECRET == with_all(SECRET, SECRET)


def test_an_entry_says_where_it_is():
    assert [one.path for one in listed('{"A": "1", "@sales": {"A": "2"}}')] == ["A", "@sales.A"]


def test_an_entry_is_set_for_one_pond_for_several_or_for_all():
    one = with_entry("", "TOKEN", "t", ["sales"])
    assert granted(one, "sales") == {"TOKEN": "t"}
    assert granted(one, "orders") == {}
    more = with_entry(one, "TOKEN", "u", ["sales", "orders"])
    assert granted(more, "sales") == granted(more, "orders") == {"TOKEN": "u"}
    every = with_entry(more, "TOKEN", "all")
    assert granted(every, "sales") == {"TOKEN": "u"}, "its own counts"
    assert granted(every, "reports") == {"TOKEN": "all"}


@pytest.mark.parametrize("value", ['"quoted"', "Größe\n2", "\\", "{}", "7", "\x7f\t "])
def test_a_value_is_given_as_it_was_set(value):
    assert granted(with_entry(SECRET, "NEW", value, ["sales"]), "sales")["NEW"] == value


def test_all_else_in_the_secret_stays_as_it_is():
    changed = json.loads(with_entry(SECRET, "NEW", "n", ["orders"]))
    assert changed == json.loads(SECRET) | {"@orders": {"KEY": "k", "NEW": "n"}}
    assert json.loads(without_entry(SECRET, "TOKEN")) == {
        name: value for name, value in json.loads(SECRET).items() if name != "TOKEN"
    }


def test_the_same_value_again_changes_no_sign_of_the_text():
    assert with_entry(SECRET, "KEY", "k", ["orders"]) == SECRET
    assert with_entry(SECRET, "PORT", "8080") != SECRET, "it was a number"


@pytest.mark.parametrize("name", ["", "2ND", "A-B", "A B", "@sales", "Ä", "A\n", "x" * 129])
def test_what_no_variable_can_be_called_is_refused(name):
    with pytest.raises(SecretEntryError, match="is not the name of a variable"):
        with_entry("", name, "value")


def test_a_value_that_was_typed_into_the_name_is_not_said_again():
    with pytest.raises(SecretEntryError) as refused:
        check_name("TOKEN=hunter2")
    assert refused.value.message == "'TOKEN' with what follows it is not the name of a variable."
    check_name("token_2")


@pytest.mark.parametrize("name", ["AWS_REGION", "DUCKSTRING_X", "LAMBDA_X", "PYTHONPATH", "LD_X"])
def test_a_name_that_the_machine_sets_is_refused_as_it_is_dropped(name):
    assert variables(Granted({name: "v", "MINE": "v"})) == {"MINE": "v"}
    with pytest.raises(SecretEntryError, match=f"{name} cannot be set: the machine itself sets"):
        check_name(name)
    assert not Entry(name, "").is_passed_on
    assert Entry("MINE", "").is_passed_on


def test_a_secret_has_room_for_so_much():
    room = MOST_BYTES - len(json.dumps({"@sales": {"A": ""}}))
    full = with_entry("", "A", "v" * room, ["sales"])
    assert len(full) == MOST_BYTES
    with pytest.raises(SecretEntryError, match="would have 65,537 bytes; Secrets Manager allows"):
        with_entry("", "A", "v" * (room + 1), ["sales"])


def test_an_entry_is_removed_where_it_was_and_nowhere_else():
    both = with_entry(SECRET, "TOKEN", "own", ["sales", "orders"])
    left = without_entry(both, "TOKEN", ["sales"])
    assert granted(left, "sales")["TOKEN"] == "t", "that of all Ponds"
    assert granted(left, "orders")["TOKEN"] == "own"
    assert "TOKEN" not in granted(without_entry(left, "TOKEN"), "sales")
    assert "@orders" not in json.loads(without_entry(SECRET, "KEY", ["orders"]))


@pytest.mark.parametrize(
    ("name", "ponds", "message", "hint"),
    [
        ("KEY", ["sales"], "There is no entry KEY of sales.", "There is one of: orders."),
        ("KEY", [], "There is no entry KEY of all Ponds.", "There is one of: orders."),
        ("TOKEN", ["sales"], "There is no entry TOKEN of sales.", "There is one of: all Ponds."),
        ("KEY", ["orders", "x", "y"], "There is no entry KEY of x, y.", "There is one of: orders."),
        ("TOKN", [], "There is no entry TOKN of all Ponds.", "Did you mean 'TOKEN'?"),
        ("X", ["sales"], "There is no entry X of sales.", "See: duckstring secret ls"),
        ("@sales", [], "There is no entry @sales of all Ponds.", "See: duckstring secret ls"),
    ],
)
def test_what_is_not_there_is_not_removed(name, ponds, message, hint):
    with pytest.raises(SecretEntryError) as refused:
        without_entry(SECRET, name, ponds)
    assert refused.value.message == message
    assert refused.value.hint == hint


def test_the_list_says_who_sees_what_and_has_no_value():
    assert listed("") == ()
    assert listed(with_entry(SECRET, "KEY", "own", ["sales"])) == (
        Entry("PORT", ""),
        Entry("SHARED", "", ("sales",)),
        Entry("TOKEN", ""),
        Entry("KEY", "orders", ("sales",)),
        Entry("KEY", "sales", ("orders",)),
        Entry("LIMITS", "sales"),
        Entry("PASSWORD", "sales"),
        Entry("SHARED", "sales", ("",)),
    )


@pytest.mark.parametrize("change", [with_entry, without_entry])
def test_a_secret_of_another_form_is_not_changed(change):
    with pytest.raises(OperatorError, match="not a JSON object"):
        change(*("[1]", "A", "v")[: 3 if change is with_entry else 2])
