"""A Catchment's environment file: what it may say, and what it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.errors import OperatorError
from duckstring.model.environment import parse_environment
from tests.property.worlds import looks


def test_a_file_has_a_variable_a_line_with_comments_exports_and_quotation_marks() -> None:
    text = """
        # the warehouse
        HOST=db.example.com
        export PORT = 5432
        TITLE='All sales '
        QUERY="a=b"
        HALF="open
        MARK='
        EMPTY=
        HOST=db2.example.com
    """
    assert parse_environment(text, where="env") == {
        "HOST": "db2.example.com",
        "PORT": "5432",
        "TITLE": "All sales ",
        "QUERY": "a=b",
        "HALF": '"open',
        "MARK": "'",
        "EMPTY": "",
    }


@looks(60)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9]{1,8}", fullmatch=True).map("X_".__add__),
        st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=20),
        max_size=5,
    )
)
def test_a_value_in_quotation_marks_is_read_as_it_is(variables: dict[str, str]) -> None:
    text = "\n".join(f"{name}='{value}'" for name, value in variables.items())
    assert parse_environment(text, where="env") == variables


@pytest.mark.parametrize(
    ("line", "shown"), [("HOST", "HOST"), ("=x", ""), ("A=1", "A"), ("MY-HOST=x", "MY-HOST")]
)
def test_a_line_that_is_no_variable_is_refused_with_its_number(line: str, shown: str) -> None:
    with pytest.raises(OperatorError) as caught:
        parse_environment(f"HOST=db\n\n{line}\n", where="prod.env")
    assert caught.value.message == f"prod.env:3: {shown!r} cannot be set."
    assert caught.value.hint == ("Write KEY=value; names are letters, digits and _, at least two.")


@pytest.mark.parametrize("name", ["PATH", "HOME", "AWS_REGION", "LAMBDA_TASK", "DUCKSTRING_BUS"])
def test_a_name_of_lambda_or_of_ours_is_refused(name: str) -> None:
    with pytest.raises(OperatorError) as caught:
        parse_environment(f"{name}=x", where="env")
    assert caught.value.message == f"env:1: {name} belongs to Lambda or Duckstring."
    assert caught.value.hint == (
        "Choose another name: taken are HOME, LANG, LD_LIBRARY_PATH, PATH, PYTHONPATH and what "
        "begins with AWS_, LAMBDA_ or DUCKSTRING_."
    )


def test_all_variables_together_have_the_room_that_a_function_has() -> None:
    fits = f"LONG={'x' * 3496}"
    assert len(parse_environment(fits, where="env")["LONG"]) == 3496
    with pytest.raises(OperatorError) as caught:
        parse_environment(f"{fits}ß", where="env")
    assert caught.value.message == (
        "env: 3502 bytes of variables; a function's environment holds 3500."
    )
    assert "secret" in caught.value.hint
