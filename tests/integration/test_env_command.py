"""``duckstring env``, over Secrets Manager in moto."""

from __future__ import annotations

import json
import re

import pytest

from duckstring.model.env_entries import granted_both
from tests.integration import test_secret_command
from tests.integration.test_secret_command import STAGE

here = test_secret_command.here


def env(here, *words, given=b""):
    return here.run(*words, given=given, group="env")


def test_a_value_is_set_shown_and_removed(here):
    code, out, err = env(here, "set", "LOG_LEVEL", "debug", "--pond", "sales")
    assert (code, out) == (0, "✓ LOG_LEVEL of sales is set to debug\n")
    assert err == "It counts from the next attempt on.\n"
    assert json.loads(here.text()) == {"@@sales": {"LOG_LEVEL": "debug"}}
    code, out, err = env(here, "set", "LOG_LEVEL", "info")
    assert (code, out) == (0, "✓ LOG_LEVEL of all Ponds is set to info\n")
    assert "A LOG_LEVEL of its own counts in sales." in err
    assert env(here, "set", "LOG_LEVEL", "info", "--all-ponds")[1] == (
        "LOG_LEVEL of all Ponds is info already\n"
    )
    rows = [re.split(r"  +", line.strip()) for line in env(here, "ls")[1].splitlines()]
    assert rows[:3] == [
        ["POND", "NAME", "VALUE", "NOTE"],
        ["all Ponds", "LOG_LEVEL", "info", "not in sales: its own counts"],
        ["sales", "LOG_LEVEL", "debug", "counts over that of all Ponds"],
    ]
    assert rows[3][0].startswith("Changed last, with the secrets: 20")
    code, out, err = env(here, "rm", "LOG_LEVEL", "--pond", "sales", "-y")
    assert (code, out) == (0, "✓ LOG_LEVEL of sales is removed\n")
    assert "The LOG_LEVEL of all Ponds counts there now." in err
    assert json.loads(here.text()) == {"@@": {"LOG_LEVEL": "info"}}


def test_programs_read_it_as_json(here):
    assert json.loads(env(here, "ls", "--json")[1]) == {"changed": None, "entries": []}
    told = json.loads(env(here, "set", "A", "1", "--pond", "sales", "--json")[1])
    assert told == {
        "name": "A",
        "ponds": ["sales"],
        "all_ponds": False,
        "changed": True,
        "value": "1",
    }
    env(here, "set", "B", "two\nlines")
    told = json.loads(env(here, "ls", "--pond", "orders", "--json")[1])
    assert told["entries"] == [
        {"name": "B", "pond": None, "value": "two\nlines", "others": [], "passed_on": True}
    ]
    assert "two\\nlines" in env(here, "ls")[1]
    told = json.loads(env(here, "rm", "B", "-y", "--json")[1])
    assert told == {"name": "B", "ponds": [], "all_ponds": True, "changed": True}


def test_a_value_comes_from_standard_input_without_its_last_line_end(here):
    assert env(here, "set", "A", given=b" a\nb \r\n")[0] == 0
    assert granted_both(here.text(), "x").environment == {"A": " a\nb "}
    assert env(here, "set", "A", "")[:2] == (0, '✓ A of all Ponds is set to ""\n')
    code, _, err = env(here, "set", "A", given=b"\n")
    assert code == 2
    assert err.splitlines() == [
        "error: There is no value: it is empty.",
        'hint: An empty one is given so: duckstring env set -c prod A ""',
    ]


def test_secrets_and_env_values_do_not_share_a_name_and_are_listed_apart(here):
    assert here.set("TOKEN", "--pond", "sales")[0] == 0
    code, _, err = env(here, "set", "TOKEN", "x", "--pond", "orders")
    assert code == 2
    remove = "duckstring secret rm -c prod TOKEN --pond sales"
    assert err.splitlines()[-2:] == [
        "error: TOKEN is a secret of sales, so it cannot be an env value.",
        f"hint: Choose another name, or remove the secret: {remove}",
    ]
    assert env(here, "set", "LEVEL", "1")[0] == 0
    code, _, err = here.set("LEVEL", "--pond", "sales")
    assert (code, "LEVEL is an env value of all Ponds, so it cannot be a secret." in err) == (
        2,
        True,
    )
    assert "TOKEN" not in env(here, "ls")[1]
    assert "LEVEL" not in here.run("ls")[1]


def test_a_value_is_not_lost_to_a_secret_that_is_set_in_between(here):
    here.put("{}")
    here.before(STAGE, lambda: here.put('{"LEVEL": "hunter2"}'))
    code, _, err = env(here, "set", "LEVEL", "1")
    assert (code, "LEVEL is a secret of all Ponds" in err) == (2, True)
    assert json.loads(here.text()) == {"LEVEL": "hunter2"}
    here.put("{}")
    here.before(STAGE, lambda: here.put('{"@@": {"OTHER": "1"}}'))
    assert env(here, "set", "LEVEL", "1")[0] == 0
    assert json.loads(here.text()) == {"@@": {"OTHER": "1", "LEVEL": "1"}}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "AWS_PROFILE", "x"), "the machine itself sets what begins with AWS_"),
        (("set", "PATH", "/bin"), "PATH cannot be set: the machine itself needs it as it is"),
        (("set", "A-B", "x"), "'A-B' is not the name of a variable"),
        (("set", "A", "x", "--pond", "a", "--all-ponds"), "found both"),
        (("set", "A", "x", "--pond", "sales@1"), "'sales@1' is not a Pond's name"),
        (("set", "A", "\udcff"), "The value is not a text in UTF-8"),
        (("ls", "--pond", "Sales"), "'Sales' is not a Pond's name"),
        (("rm", "A", "-y"), "There is no entry A of all Ponds"),
    ],
)
def test_what_is_typed_wrong_is_refused_in_one_line_and_changes_nothing(here, words, says):
    code, out, err = env(here, *words)
    assert (code, out) == (2, "")
    assert [line for line in err.splitlines() if line.startswith("error: ") and says in line]
    assert "VersionIdsToStages" not in here.aws.describe_secret(SecretId=here.arn)


@pytest.mark.parametrize(
    ("name", "value"), [("DB_PASSWORD", "abcd-efg-9"), ("URL", "ftp://me:sesame9@host/x")]
)
def test_a_value_that_looks_like_a_secret_is_warned_of(here, name, value):
    code, _, err = env(here, "set", name, value)
    assert (code, f"The value of {name} looks like a secret" in err) == (0, True)
    assert f"duckstring env rm -c prod {name} --all-ponds; then: duckstring secret set" in err
    assert env(here, "rm", name, "--all-ponds", "-y")[0] == 0
    assert here.set(name, "--all-ponds")[0] == 0
    assert "looks like" not in env(here, "set", "LEVEL", "debug")[2]


def test_nothing_is_removed_unasked(here):
    env(here, "set", "A", "1")
    code, _, err = env(here, "rm", "A")
    assert (code, "Not removing A of all Ponds from" in err) == (1, True)


def test_notes_say_what_is_not_passed_on(here):
    here.put('{"B": "s", "@@": {"PATH": "/", "B": "e"}, "@@a": {"C": "1"}, "@@b": {"C": " 2"}}')
    out = env(here, "ls")[1]
    assert "not passed on: the machine sets such variables" in out
    assert "a secret of this name counts" in out
    assert re.search(r'b +C +" 2" +also in a', out)
