from __future__ import annotations

import pytest

from duckstring.api.arrival import MOST, add, remove, show
from duckstring.errors import OperatorError
from duckstring.model.names import Line
from tests.unit.api.world import Rules

SALES = Line("sales@1")
RULE = {"name": "landing", "bucket": "inbox", "prefix": "in/", "suffix": ".parquet", "kind": "tap"}


def put(rules, **changes):
    return add(SALES, {**RULE, **changes}, arrivals=rules, listened=("inbox", "other"))


def refused(rules, **changes):
    before = dict(rules.held)
    with pytest.raises(OperatorError) as caught:
        put(rules, **changes)
    assert rules.held == before
    return caught.value


def test_a_rule_is_added_told_and_removed():
    rules = Rules()
    assert put(rules) == {"line": SALES, "arrivals": [RULE]}
    assert put(rules) == show(SALES, rules), "the same again is success"
    add(SALES, {"name": "rest", "bucket": "other"}, arrivals=rules, listened=("other",))
    rest = {"name": "rest", "bucket": "other", "prefix": "", "suffix": "", "kind": "pulse"}
    assert remove(SALES, "landing", arrivals=rules) == {"line": SALES, "arrivals": [rest]}


def test_a_bucket_that_the_catchment_does_not_hear_of_is_refused_with_what_to_do():
    error = refused(Rules(), bucket="mine")
    assert error.message == (
        "This Catchment gets no events from bucket 'mine'; it gets them from inbox, other."
    )
    assert error.hint.startswith(
        "Deploy it with -c arrivals=inbox,mine,other; on this machine: duckstring catchment "
        "configure --arrivals "
    )
    with pytest.raises(OperatorError, match="it gets none yet"):
        add(SALES, RULE, arrivals=Rules(), listened=())


def test_a_name_is_taken_once_also_by_somebody_who_was_quicker():
    rules = Rules()
    put(rules)
    assert (
        refused(rules, bucket="other").message == "sales@1 has an arrival rule 'landing' already."
    )
    with pytest.raises(OperatorError, match=r"sales@1 was removed meanwhile\."):
        add(SALES, RULE, arrivals=Rules(taken=True), listened=("inbox",))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "Landing#"}, "name is 'Landing#'; allowed"),
        ({"name": 7}, "name is 7; allowed: a lower-case letter"),
        ({"prefix": 7}, "prefix is 7; allowed: text."),
        ({"bucket": ""}, "bucket is missing"),
        ({"prefix": "x" * 1020}, "a key has 1024 at most"),
        ({"kind": "wave"}, "kind is 'wave'; allowed: pulse, tap."),
    ],
)
def test_a_rule_that_is_not_well_formed_is_refused(changes, why):
    assert why in refused(Rules(), **changes).message


def test_a_line_has_so_many_rules_and_no_more():
    rules = Rules()
    for number in range(MOST):
        put(rules, name=f"rule-{number}")
    assert "may have 20" in refused(rules).message


def test_removing_what_is_not_there_names_the_nearest():
    rules = Rules()
    with pytest.raises(OperatorError, match=r"no arrival rule 'landin'; it has none\."):
        remove(SALES, "landin", arrivals=rules)
    put(rules)
    with pytest.raises(OperatorError, match=r"did you mean 'landing'\?"):
        remove(SALES, "landin", arrivals=rules)
