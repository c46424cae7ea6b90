import pytest

from duckstring.errors import OperatorError
from duckstring.model.secret_entries import granted, parse_secret

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


@pytest.mark.parametrize("text", ["no object", "[1]", "null", '"x"', "{"])
def test_a_secret_that_is_not_an_object_is_refused(text):
    with pytest.raises(OperatorError, match="The Catchment's secret is not a JSON object"):
        parse_secret(text)


@pytest.mark.parametrize("value", ["1", '"x"', "null", "[]"])
def test_entries_of_a_pond_that_are_not_an_object_are_refused(value):
    with pytest.raises(OperatorError, match="The Catchment's secret has @sales that is not a JSON"):
        granted(f'{{"@sales": {value}}}', "orders")
