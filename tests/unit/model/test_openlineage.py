"""Which addresses are told of lineage, and which get a key."""

from __future__ import annotations

import pytest

from duckstring.errors import OperatorError
from duckstring.model.openlineage import host_of, may_have_key, parse_receiver


@pytest.mark.parametrize(
    "url",
    [
        "https://marquez.example.com/api/v1/lineage",
        "http://marquez.internal:5000/api/v1/lineage",
        "https://gms.example.com/openapi/openlineage/api/v1/lineage?a=b",
    ],
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert parse_receiver(f" {url} ", where="-c openlineage=") == url


@pytest.mark.parametrize("text", ["", " ", "off"])
def test_without_an_address_nobody_is_told(text: str) -> None:
    assert parse_receiver(text, where="-c openlineage=") == ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("true", "it does not begin with https://HOST or http://HOST"),
        ("ftp://host/x", "it does not begin with https://HOST or http://HOST"),
        ("https:///api", "it does not begin with https://HOST or http://HOST"),
        ("https://me:hunter2@host/x", "it has a user, a password or a #"),
        ("https://host/x#hunter2", "it has a user, a password or a #"),
        ("https://host/a b", "it has blanks, other signs than ASCII, or more than 1000"),
        ("https://host/\u00e9", "it has blanks, other signs than ASCII, or more than 1000"),
        ("https://host/" + "x" * 1000, "it has blanks, other signs than ASCII, or more than 1000"),
        ("https://[host/x", "it is not an address"),
        ("https://host:port/x", "it is not an address"),
    ],
)
def test_another_text_is_refused_without_being_repeated(url: str, why: str) -> None:
    with pytest.raises(OperatorError) as refused:
        parse_receiver(url, where="--openlineage")
    assert refused.value.message == f"--openlineage: {why}."
    assert "hunter2" not in refused.value.message + (refused.value.hint or "")
    assert "https://HOST/api/v1/lineage" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://host/x", True),
        ("http://127.0.0.1:5000/x", True),
        ("http://localhost/x", True),
        ("http://marquez.internal/x", False),
        ("http://localhost.example.com/x", False),
    ],
)
def test_a_key_goes_where_nobody_on_the_way_can_read_it(url: str, may: bool) -> None:
    assert may_have_key(url) is may


def test_the_host_is_as_much_as_anybody_sees() -> None:
    assert host_of("https://host:5000/api?token=x") == "host:5000"
