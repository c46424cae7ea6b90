import json

import pytest

from duckstring.errors import OperatorError
from duckstring.model.env_entries import (
    TAKEN,
    EnvEntry,
    Granted,
    check_env_name,
    check_no_env,
    env_listed,
    granted_both,
    with_env,
    with_secret,
    without_env,
)
from duckstring.model.secret_entries import (
    MOST_BYTES,
    Entry,
    SecretEntryError,
    granted,
    listed,
    with_all,
    with_entry,
)

HELD = """
{"TOKEN": "t", "@sales": {"PASSWORD": "p"},
 "@@": {"REGION": "eu", "LEVEL": "info", "PORT": 8080}, "@@sales": {"LEVEL": "debug"},
 "@@orders": {"DAYS": "3"}}
"""


def test_a_pond_is_given_the_values_of_all_and_its_own_over_them_beside_its_secrets():
    assert granted_both(HELD, "sales") == Granted(
        {"TOKEN": "t", "PASSWORD": "p"}, {"REGION": "eu", "LEVEL": "debug", "PORT": "8080"}
    )
    assert granted_both(HELD, "reports") == Granted(
        {"TOKEN": "t"}, {"REGION": "eu", "LEVEL": "info", "PORT": "8080"}
    )
    assert granted_both('{"A": "1"}', "sales") == Granted({"A": "1"})


def test_no_release_takes_a_value_for_a_secret():
    assert granted(HELD, "sales") == {"TOKEN": "t", "PASSWORD": "p"}
    assert [(one.name, one.pond) for one in listed(HELD)] == [("TOKEN", ""), ("PASSWORD", "sales")]
    assert "REGION" not in repr(listed(HELD))


def test_a_value_is_set_for_one_pond_for_several_or_for_all():
    one = with_env("", "LEVEL", "debug", ["sales"])
    assert json.loads(one) == {"@@sales": {"LEVEL": "debug"}}
    more = with_env(one, "LEVEL", "info")
    assert granted_both(more, "sales").environment == {"LEVEL": "debug"}, "its own counts"
    assert granted_both(more, "orders").environment == {"LEVEL": "info"}
    assert with_env(more, "LEVEL", "info") == more, "no sign of the text changes"
    assert with_env(HELD, "LEVEL", "info") == HELD


def test_a_value_may_be_empty_and_is_given_as_it_was_set():
    for value in ("", '"quoted"', "Größe\n2", "{}", " 7 "):
        text = with_env(HELD, "NEW", value, ["sales"])
        assert granted_both(text, "sales").environment["NEW"] == value


def test_secrets_and_values_leave_each_other_alone():
    changed = without_env(with_env(HELD, "NEW", "n", ["sales"]), "DAYS", ["orders"])
    kept = json.loads(HELD)
    del kept["@@orders"]
    kept["@@sales"]["NEW"] = "n"
    assert json.loads(changed) == kept
    assert json.loads(with_entry(HELD, "KEY", "k")) == json.loads(HELD) | {"KEY": "k"}
    assert json.loads(without_env(with_env("", "A", "1"), "A")) == {}


def test_values_of_one_secret_go_over_those_of_another():
    both = with_all('{"@@": {"LEVEL": "none", "MINE": "1"}}', HELD)
    assert granted_both(both, "reports").environment == {
        "REGION": "eu",
        "LEVEL": "info",
        "PORT": "8080",
        "MINE": "1",
    }


@pytest.mark.parametrize(
    "name",
    ["AWS_REGION", "DUCKSTRING_X", "LD_PRELOAD", "PYTHONPATH", "LAMBDA_X", *TAKEN],
)
def test_what_the_machine_needs_is_refused_and_is_not_passed_on(name):
    with pytest.raises(SecretEntryError, match=f"{name} cannot be set: the machine itself"):
        with_env("", name, "v")
    text = json.dumps({"@@": {name: "v", "MINE": "v"}, "@@sales": {name: "w"}})
    assert granted_both(text, "sales").environment == {"MINE": "v"}
    passed = {one.entry.name: one.is_passed_on for one in env_listed(text) if not one.entry.pond}
    assert passed == {name: False, "MINE": True}


def test_what_is_no_variable_is_refused():
    with pytest.raises(SecretEntryError, match="'A-B' is not the name of a variable"):
        check_env_name("A-B")
    check_env_name("PATHS")


@pytest.mark.parametrize(
    ("name", "whose"), [("TOKEN", "all Ponds"), ("PASSWORD", "sales")], ids=["all", "one"]
)
def test_a_name_is_a_secrets_or_a_values_for_the_whole_catchment(name, whose):
    for ponds in ([], ["sales"], ["orders"]):
        with pytest.raises(SecretEntryError) as refused:
            with_env(HELD, name, "v", ponds)
        assert refused.value.message == (
            f"{name} is a secret of {whose}, so it cannot be an env value."
        )


def test_a_hint_removes_the_entry_of_those_who_have_it():
    text = with_env("{}", "LEVEL", "1", ["sales", "orders"])
    with pytest.raises(SecretEntryError) as refused:
        with_secret(text, "LEVEL", "v")
    hinted = refused.value.hint.partition("duckstring env rm ")[2]
    assert hinted == "LEVEL --pond orders --pond sales"


def test_a_secret_of_a_values_name_is_refused():
    with pytest.raises(SecretEntryError) as refused:
        with_secret(HELD, "LEVEL", "v", ["orders"])
    assert refused.value.message == (
        "LEVEL is an env value of all Ponds, sales, so it cannot be a secret."
    )
    assert refused.value.hint.endswith("duckstring env rm LEVEL --all-ponds")
    check_no_env(HELD, "OTHER")
    assert granted(with_secret(HELD, "OTHER", "v", ["orders"]), "orders")["OTHER"] == "v"


def test_where_another_tool_has_written_both_the_secret_counts():
    text = '{"A": "s", "@sales": {"B": "s"}, "@@": {"A": "e", "B": "e"}, "@@orders": {"B": "o"}}'
    assert granted_both(text, "sales") == Granted({"A": "s", "B": "s"}, {})
    assert granted_both(text, "orders") == Granted({"A": "s"}, {"B": "o"})
    told = {(one.entry.name, one.entry.pond): one.is_secret for one in env_listed(text)}
    assert told == {("A", ""): True, ("B", ""): True, ("B", "orders"): False}


def test_the_list_has_values_and_who_sees_them():
    assert env_listed(HELD) == (
        EnvEntry(Entry("LEVEL", "", ("sales",)), "info"),
        EnvEntry(Entry("PORT", ""), "8080"),
        EnvEntry(Entry("REGION", ""), "eu"),
        EnvEntry(Entry("DAYS", "orders"), "3"),
        EnvEntry(Entry("LEVEL", "sales", ("",)), "debug"),
    )
    assert env_listed("") == env_listed('{"A": "1"}') == ()


def test_what_is_below_the_wrong_key_is_nobodys():
    text = '{"@@": {"@sales": {"A": "1"}, "B": "2"}}'
    assert granted_both(text, "sales").environment == {"B": "2"}
    assert [one.entry.name for one in env_listed(text)] == ["B"]
    with pytest.raises(OperatorError, match="has @@sales that is not a JSON object"):
        granted_both('{"@@sales": "1"}', "sales")


def test_what_is_not_there_is_not_removed():
    with pytest.raises(SecretEntryError) as refused:
        without_env(HELD, "REGION", ["sales"])
    assert refused.value.message == "There is no entry REGION of sales."
    assert refused.value.hint == "There is one of: all Ponds."
    with pytest.raises(SecretEntryError) as refused:
        without_env(HELD, "TOKEN")
    assert refused.value.hint == "See: duckstring env ls"


def test_values_have_their_room_together_with_the_secrets():
    with pytest.raises(SecretEntryError, match="has 65,537 bytes; all secrets and env values"):
        with_env("", "A", "v" * (MOST_BYTES + 1))
    full = with_entry("", "S", "v" * 60_000)
    with pytest.raises(SecretEntryError, match="The Catchment's secret would have 6"):
        with_env(full, "A", "v" * 6_000)
    assert granted_both(with_env(full, "A", "v" * 5_000), "x").environment["A"] == "v" * 5_000
