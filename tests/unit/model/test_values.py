"""Names, instants, settings and sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.adapters.aws.duck import S3Storage
from duckstring.adapters.aws.reader import BucketFiles
from duckstring.api.tables import written_in
from duckstring.errors import InvariantError, OperatorError
from duckstring.model import names
from duckstring.model.attempts import Usage
from duckstring.model.compute import FunctionSize, mebibytes
from duckstring.model.instants import NEVER, from_text, to_text
from duckstring.model.names import Line
from duckstring.model.retention import Retention
from duckstring.model.settings import Settings
from tests.property.worlds import looks

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


KEY = "data/sales@1/orders/0000000042-load-2-0a1b2c3d.parquet"


def test_a_table_versions_key_is_read_back() -> None:
    parsed = names.parse_table_key(KEY)
    assert parsed == (SALES, "orders", 42, "load", 2, "0a1b2c3d", "")
    assert names.checked_table_key(KEY) == KEY


@looks(60)
@given(
    st.from_regex(names.POND_NAME, fullmatch=True).filter(lambda name: not name.endswith("\n")),
    st.from_regex(names.POND_NAME, fullmatch=True).filter(lambda name: not name.endswith("\n")),
    st.integers(0, 999_999),
    st.integers(0, 10**12),
    st.integers(1, 10**8),
    st.text("0123456789abcdef", min_size=8, max_size=8),
)
def test_every_key_that_is_written_is_read_back(
    pond: str, ripple: str, major: int, run: int, attempt: int, invocation: str
) -> None:
    line = names.line(pond, major)
    key = names.table_key(
        line, ripple, run=run, ripple=ripple, attempt=attempt, invocation=invocation
    )
    assert names.parse_table_key(key) == (line, ripple, run, ripple, attempt, invocation, "")
    assert names.attempt_of_key(key) == names.parse_table_key(key)
    assert names.key_of_file(names.table_of_key(key), names.file_of_key(key)) == key
    if run < 10**10:
        assert names.writer_of(key) == (run, ripple)


FORGED = [
    *(
        KEY + more
        for more in (
            "?s3_endpoint=evil.example",
            "#x",
            "\n",
            " ",
            "%00",
            "*",
            "/../x.parquet",
            ".gone",
        )
    ),
    *(
        KEY.replace("orders", table)
        for table in (
            "*",
            "o?ders",
            "o[r]ders",
            "o%72ders",
            "Orders",
            "..",
            "orders/x",
            "ord\ters",
            "o" * 49,
        )
    ),
    *(
        KEY.replace("data/", folder)
        for folder in (
            "",
            "/data/",
            "artifacts/",
            "errors/",
            "s3://other/data/",
            "data//",
            "data/../data/",
        )
    ),
    *(
        KEY.replace("sales@1", line)
        for line in ("sales", "sales@01", "sales@-1", "sales@1/..", "Sales@1", "sales@1?")
    ),
    *(
        KEY.replace("0000000042", run)
        for run in (
            "42",
            "00000000042",
            "-000000042",
            "\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
        )
    ),
    *(KEY.replace("-2-", attempt) for attempt in ("-0-", "-02-", "-", "-x-")),
    *("", "data", "\x00", KEY.encode().hex(), KEY.upper()),
]


@pytest.mark.parametrize("key", FORGED)
def test_a_key_of_another_form_is_none_and_no_address_is_made_of_it(key: str) -> None:
    assert names.parse_table_key(key) is None
    with pytest.raises(InvariantError, match="is not the key of a table version"):
        names.checked_table_key(key)
    with pytest.raises(InvariantError):
        BucketFiles("bucket").uri(key)
    if key:
        with pytest.raises(InvariantError):
            S3Storage("bucket", "us-east-1").uri(key)
    with pytest.raises(ValueError, match="is not the key of a table version"):
        written_in(key)


@looks(200)
@given(st.text(), st.integers(0, len(KEY)))
def test_no_character_put_into_a_key_reaches_an_address_unless_it_is_a_key_still(
    text: str, place: int
) -> None:
    forged = KEY[:place] + text + KEY[place:]
    if (parsed := names.parse_table_key(forged)) is not None:
        assert set(forged) <= set(ascii_letters + digits + "_-@/.=")
        line, table, run, ripple, attempt, invocation, path = parsed
        own = names.table_key(
            line, table, run=run, ripple=ripple, attempt=attempt, invocation=invocation
        )
        assert forged == (f"{names.location_of_key(own)}{path}" if path else own)


LOCATED = "data/sales@1/orders/0000000042-load-2-0a1b2c3d/"
FILES = [
    "part-00000-6c2f7f5b-4f0e-4f4e-9d5c-1c1d2e3f4a5b-c000.snappy.parquet",
    "20260101_120000_00001_abcde_3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "run-1735732800000-part-block-0-r-00000-snappy.parquet",
    "000000_0",
    "day=2030-01-01/eu/part-0.parquet",
    "0000000007-other-1-0a1b2c3d.parquet",
    "x" * 200,
]


@pytest.mark.parametrize("file", FILES)
def test_what_an_engine_has_written_into_a_location_is_the_attempt_s(file: str) -> None:
    key = LOCATED + file
    written = names.parse_table_key(key)

    assert names.location_of_key(KEY) == LOCATED == names.checked_location(LOCATED)
    assert written == (SALES, "orders", 42, "load", 2, "0a1b2c3d", file)
    assert names.attempt_of_key(key) == written
    assert names.writer_of(key) == (42, "load")
    assert names.table_of_key(key) == "data/sales@1/orders"
    assert names.key_of_file(names.table_of_key(key), names.file_of_key(key)) == key
    assert names.file_of_key(key) != names.file_of_key(KEY)
    assert S3Storage("bucket", "us-east-1").uri(key) == f"s3://bucket/{key}"
    assert names.readable(key) == f"{LOCATED}*"
    assert names.readable(KEY) == KEY


LEFT = [
    "_SUCCESS",
    ".part-0.crc",
    "_temporary/0/x",
    "a b",
    "a*",
    "day=2030-01-01%2000/x",
    "a//b",
    "a/",
    "",
    "../x",
    "a/../b",
    "a/./b",
    "\x00",
    "a\n",
    "\u00e4",
    "a?b",
    "a#b",
    "a[0]",
    "-x",
    "x" * 201,
]


@pytest.mark.parametrize("file", LEFT)
def test_what_may_be_part_of_no_table_is_still_known_to_be_the_attempt_s(file: str) -> None:
    key = LOCATED + file
    found = names.attempt_of_key(key)

    assert names.parse_table_key(key) is None
    assert found is not None
    assert found[:6] == (SALES, "orders", 42, "load", 2, "0a1b2c3d")
    with pytest.raises(InvariantError, match="is not the key of a table version"):
        names.checked_table_key(key)


def test_a_mark_beside_a_location_is_the_attempt_s_too() -> None:
    found = names.attempt_of_key(f"{LOCATED[:-1]}_$folder$")
    assert found is not None
    assert found.run == 42
    assert names.attempt_of_key(f"{LOCATED[:-1]}.parquet.part") is None
    assert names.attempt_of_key(LOCATED[:-1]) is None


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/",
        "data/",
        LOCATED[:-1],
        LOCATED + "eu/",
        LOCATED + "/",
        LOCATED + "../",
        LOCATED.replace("orders", ".."),
        LOCATED.replace("-2-", "-0-"),
        KEY + "/",
        f"s3://x/{LOCATED}",
    ],
)
def test_what_is_no_location_becomes_no_address(location: str) -> None:
    with pytest.raises(InvariantError, match="is no location"):
        S3Storage("bucket", "us-east-1").place(location)


@looks(200)
@given(st.text(max_size=60))
def test_no_path_reaches_an_address_unless_it_is_one_that_engines_write(path: str) -> None:
    written = names.parse_table_key(LOCATED + path)
    if written is not None:
        assert set(path) <= set(ascii_letters + digits + "_-=./")
        assert all(part[:1] in ascii_letters + digits and part for part in path.split("/"))
    found = names.attempt_of_key(LOCATED + path)
    assert found is not None
    assert found[:6] == (SALES, "orders", 42, "load", 2, "0a1b2c3d")


def test_what_follows_the_line_in_a_key_is_its_place_in_a_folder() -> None:
    assert names.path_of_key("data/sales@1/orders/x.parquet") == "orders/x.parquet"
    assert names.path_of_key(f"{LOCATED}a/b") == f"{LOCATED}a/b".removeprefix("data/sales@1/")


@pytest.mark.parametrize(
    "text", ["", "sales", "sales@", "sales@01", "Sales@1", "sales@1/2", "sales@-1", "sales@1\n@"]
)
def test_what_is_no_line_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as pond@major, for example sales@1"):
        names.parse_line(text)


@pytest.mark.parametrize("text", ["", "sales@1", "sales@1/", "sales@1/0", "sales/1", "sales@1/x"])
def test_what_is_no_run_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as pond@major/number, for example sales@1/42"):
        names.parse_run(text)


def test_an_execution_name_fits_the_longest_pond_and_is_read_back() -> None:
    longest = names.line("p" * 48, 999_999)
    name = names.execution_name(longest, 10**9, 5)
    assert len(name) <= 80
    assert names.read_execution_name(name) == (longest, 10**9, 5)


@pytest.mark.parametrize("name", ["", "sales", "sales-1-42", "Sales-1-42-1", "sales-1-42-1-more"])
def test_an_execution_that_is_not_a_runs_is_refused(name: str) -> None:
    with pytest.raises(OperatorError, match="is not one of a Pond Run"):
        names.read_execution_name(name)


STARTED = datetime(2030, 1, 1, tzinfo=UTC)
TRY = ("dev", SALES, 42, STARTED, "load", 1)


def key_of(
    catchment: str, line: Line, number: int, started: datetime, ripple: str, tried: int
) -> str:
    return names.try_key(catchment, line, number, started, ripple=ripple, tried=tried)


@pytest.mark.parametrize("line", [SALES, "p_" * 24 + "@999999", "a_@0"])
def test_a_try_has_a_name_that_every_engine_takes_and_people_can_read(line: str) -> None:
    key = key_of("dev", Line(line), 10**12, STARTED, "load_all", 3)
    assert key == key_of("dev", Line(line), 10**12, STARTED, "load_all", 3)
    assert len(key) <= 64
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    pond, _, major = line.partition("@")
    assert key.startswith(pond[:20].replace("_", "-").rstrip("-"))
    assert f"-{major}-{10**12}-" in key
    assert "---" not in key


@pytest.mark.parametrize(
    ("place", "other"),
    [
        (0, "prod"),
        (1, Line("sale@1")),
        (1, Line("sales@2")),
        (2, 43),
        (3, datetime(2030, 1, 1, microsecond=1, tzinfo=UTC)),
        (4, "clean"),
        (5, 2),
    ],
)
def test_tries_that_differ_in_anything_have_different_names(place: int, other: object) -> None:
    changed = list(TRY)
    changed[place] = other
    assert key_of(*changed) != key_of(*TRY)


@pytest.mark.parametrize(
    "instant",
    [
        NEVER,
        datetime(2030, 1, 1, tzinfo=UTC),
        datetime(2030, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_instants_are_text_of_one_width(instant: datetime) -> None:
    assert len(to_text(instant)) == 27
    assert from_text(to_text(instant)) == instant


def test_instants_are_read_from_any_zone_and_refused_without_one() -> None:
    assert from_text("2030-01-01T02:00:00+02:00") == datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no time zone"):
        from_text("2030-01-01T02:00:00")


def test_an_instant_that_no_utc_has_is_never_or_refused() -> None:
    assert from_text("0001-01-01T00:30:00+01:00") == NEVER
    with pytest.raises(ValueError, match="lies after the year 9999, in UTC"):
        from_text("9999-12-31T23:30:00-01:00")


def test_settings_travel_as_environment_variables_without_the_empty_ones() -> None:
    settings = Settings(catchment="dev", mailbox_arn="arn")
    assert settings.to_env() == {"DUCKSTRING_CATCHMENT": "dev", "DUCKSTRING_MAILBOX_ARN": "arn"}
    assert Settings.from_env({**settings.to_env(), "PATH": "/"}) == settings
    assert settings.need("catchment") == "dev"


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(InvariantError, match="This function was deployed without DUCKSTRING_TABLE"):
        Settings().need("table")


def test_the_size_of_the_function_is_a_setting() -> None:
    settings = Settings(function_memory_mib="3072", function_timeout_seconds="900")
    assert settings.function == FunctionSize(3072, 900)
    with pytest.raises(InvariantError, match="DUCKSTRING_FUNCTION_TIMEOUT_SECONDS"):
        _ = Settings(function_memory_mib="3072").function


def test_how_long_history_is_kept_is_a_setting() -> None:
    assert Settings(history_days="400").history_kept == timedelta(days=400)
    assert Settings().history_kept is None


def test_how_long_journals_are_kept_is_a_setting() -> None:
    assert Settings(journal_days="30").journal_kept == timedelta(days=30)
    assert Settings().journal_kept is None


def test_a_catchment_without_a_lake_has_no_time_to_wait() -> None:
    assert Settings(lake_seconds="60").lake_after == 60
    assert Settings().lake_after is None
    assert Settings(retention_snapshots="7").retention == Retention(7, 1)
    assert Settings(retention_snapshots="7", retention_days="30").retention == Retention(7, 30)
    assert Settings().retention == Retention(3, 1)


@pytest.mark.parametrize(
    ("memory", "timeout", "fits"),
    [
        (None, None, True),
        (3072, 900, True),
        (3073, None, False),
        (None, 901, False),
    ],
)
def test_a_ripple_fits_the_function_if_both_its_hints_do(
    memory: int | None, timeout: int | None, *, fits: bool
) -> None:
    size = FunctionSize(3072, 900)
    assert size.fits(memory_mib=memory, timeout_seconds=timeout) is fits


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("16GB", 16_384),
        (" 1.5 gib ", 1_536),
        ("128MB", 128),
        ("120GiB", 122_880),
        ("127MB", None),
        ("120.001GB", None),
        ("16", None),
        ("-1GB", None),
        ("1e3MB", None),
        ("16GBs", None),
    ],
)
def test_an_amount_of_memory_is_read_if_a_task_can_have_it(text: str, mib: int | None) -> None:
    assert mebibytes(text) == mib


def test_of_an_attempts_invocations_the_most_of_each_is_kept() -> None:
    first, second = Usage(10.5, 300), Usage(2.0, 900)
    assert first.most(second) == second.most(first) == Usage(10.5, 900)
