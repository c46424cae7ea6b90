"""Names, instants and settings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duckstring.errors import InvariantError
from duckstring.model import names
from duckstring.model.instants import NEVER, from_text, to_text
from duckstring.model.names import Line
from duckstring.model.settings import Settings

SALES = Line("sales@1")


def test_names_are_written_and_read() -> None:
    assert names.line("sales", 1) == SALES
    assert names.parse_line("sales@1") == ("sales", 1)
    assert names.run_key(SALES, 42) == "sales@1/42"
    assert names.parse_run("sales@1/42") == (SALES, 42)


def test_places_are_named_after_what_they_hold() -> None:
    assert names.execution_name(SALES, 42, 1) == "sales-1-42-1"
    assert names.artifact_key("sales", "1.2.0", "abc") == "artifacts/sales/1.2.0/abc.zip"
    assert (
        names.table_key(SALES, "orders", run=42, ripple="load", attempt=2, invocation="ab12")
        == "data/sales@1/orders/0000000042-load-2-ab12.parquet"
    )


@pytest.mark.parametrize("text", ["", "sales", "sales@", "sales@01", "Sales@1", "sales@1/2", "sales@-1", "sales@1\n@"])
def test_what_is_no_line_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as pond@major, for example sales@1"):
        names.parse_line(text)


@pytest.mark.parametrize("text", ["", "sales@1", "sales@1/", "sales@1/0", "sales/1", "sales@1/x"])
def test_what_is_no_run_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as pond@major/number, for example sales@1/42"):
        names.parse_run(text)


def test_an_execution_name_fits_the_longest_pond() -> None:
    assert len(names.execution_name(names.line("p" * 48, 999_999), 10**9, 5)) <= 80


@pytest.mark.parametrize("instant", [NEVER, datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)])
def test_instants_are_text_of_one_width(instant: datetime) -> None:
    assert len(to_text(instant)) == 27
    assert from_text(to_text(instant)) == instant


def test_instants_are_read_from_any_zone_and_refused_without_one() -> None:
    assert from_text("2030-01-01T02:00:00+02:00") == datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no time zone"):
        from_text("2030-01-01T02:00:00")


def test_settings_travel_as_environment_variables_without_the_empty_ones() -> None:
    settings = Settings(catchment="dev", mailbox_arn="arn")
    assert settings.to_env() == {"DUCKSTRING_CATCHMENT": "dev", "DUCKSTRING_MAILBOX_ARN": "arn"}
    assert Settings.from_env({**settings.to_env(), "PATH": "/"}) == settings
    assert settings.need("catchment") == "dev"


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(InvariantError, match="This function was deployed without DUCKSTRING_TABLE"):
        Settings().need("table")
