"""Secrets are masked in every form in which they turn up by accident, and ordinary words are not."""

from __future__ import annotations

import base64
import html
import json
import shlex
import textwrap
from urllib.parse import quote, quote_plus

import pytest

from duckstring.model.foreign import Masks

TOKEN = "tok/en+wi\"th\\we ird\té%25&<'42"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQDc0RGxAbCd\n-----END PRIVATE KEY-----\n"


def b64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "said",
    [
        str,
        repr,
        json.dumps,
        lambda v: json.dumps(json.dumps({"it": v})),
        lambda v: json.dumps(v, ensure_ascii=False),
        lambda v: repr(repr(v)),
        lambda v: repr(v.encode()),
        ascii,
        quote,
        lambda v: quote(v, safe=""),
        lambda v: quote(quote(v)).lower(),
        quote_plus,
        html.escape,
        lambda v: v.encode().hex(),
        lambda v: v.encode().hex().upper(),
        b64,
        lambda v: b64(f"u:{v}"),
        lambda v: b64(f"us:{v}!"),
        lambda v: base64.urlsafe_b64encode(f"usr:{v}".encode()).decode(),
        lambda v: "\n".join(textwrap.wrap(b64("long enough to be wrapped: " + v), 40)),
        lambda v: f"{v[:9]}\n      {v[9:]}",
        shlex.quote,
        lambda v: "'" + v.replace("'", "'\\''") + "'",
        lambda v: "SECRET '" + v.replace("'", "''") + "'",
        lambda v: '"' + v.replace('"', '""') + '"',
        lambda v: f"│ {v[:9]} │\n│ {v[9:]} │",
        lambda v: f"\x1b[31m{v[:9]}\x1b[1;32m{v[9:]}\x1b[0m",
        lambda v: f"{v[:9]}\u200b{v[9:]}",
    ],
)
def test_a_value_is_masked_however_it_is_written(said):
    text = f"401 for {said(TOKEN)} at once"
    found = Masks({"TOKEN": TOKEN}).mask(text)
    assert "***TOKEN***" in found
    assert found.startswith("401 for ")
    assert found.endswith(" at once")
    for part in ("tok", "ird", TOKEN.encode().hex()[8:20], b64(TOKEN)[4:16], b64(f"u:{TOKEN}")[8:20]):
        assert part not in found.replace("***TOKEN***", "")


@pytest.mark.parametrize(
    "value", ["1", "true", "us-east-1", "eu-central-1", "localhost", "", "-", "        ", "2030-01-01", "abc", "xxxxxxxxx", "5432"]
)
def test_values_that_ordinary_text_is_full_of_are_not_secrets(value):
    text = f"1 true us-east-1 eu-central-1 localhost - 2030-01-01 abc xxxxxxxxx 5432: {value}"
    assert Masks({"SETTING": value, "A_TOKEN": value}).mask(text) == text


def test_a_short_value_counts_where_its_name_says_so_and_it_stands_alone():
    masks = Masks({"DB_PASSWORD": "hunter2", "SCHEMA": "public2"})
    assert masks.mask("hunter2 hunter22 (hunter2) public2") == "***DB_PASSWORD*** hunter22 (***DB_PASSWORD***) public2"


def test_signs_of_patterns_are_taken_as_they_are():
    assert Masks({"X": ".*a+b(c|d)[e]$^{2}"}).mask("say .*a+b(c|d)[e]$^{2}, aab") == "say ***X***, aab"


def test_of_secrets_that_hold_or_overlap_others_nothing_is_left():
    masks = Masks({"SHORT": "abcdefgh", "LONG": "xxabcdefghyy", "NEXT": "yy-12345678"})
    assert masks.mask("a xxabcdefghyy b") == "a ***LONG*** b"
    assert masks.mask("a abcdefgh b") == "a ***SHORT*** b"
    assert masks.mask("a xxabcdefghyy-12345678 b") == "a ***LONG*** b"
    assert masks.mask("abcdefghabcdefgh") == "***SHORT******SHORT***"


def test_lines_of_a_key_are_masked_one_by_one():
    masks = Masks({"KEY": PEM})
    assert masks.mask(f"bad key: {PEM}") == "bad key: ***KEY***"
    assert masks.mask("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC") == "***KEY***"
    assert masks.mask(json.dumps(PEM)) == '"***KEY***"'
    assert masks.mask("-----BEGIN PRIVATE KEY----- is how it begins").endswith("***")


def test_texts_within_json_are_masked_those_first_that_are_called_secret():
    masks = Masks({"DB": json.dumps({"user": "etl_reader", "login": {"password": "s3cr3t!"}}), "LIST": '["alphabeta", 12345678]'})
    assert masks.mask("etl_reader s3cr3t! alphabeta 12345678") == "etl_reader ***DB*** ***LIST*** ***LIST***"
    assert masks.mask(repr(json.loads('{"password": "s3cr3t!"}'))) == "{'password': '***DB***'}"


def test_the_password_of_a_url_is_masked_alone_and_as_it_is_meant():
    masks = Masks({"DSN": "postgres://etl:p%40ss%2Fw0rd@db.example.com/x"})
    assert masks.mask("p@ss/w0rd p%40ss%2Fw0rd") == "***DSN*** ***DSN***"


def test_a_name_is_foreign_text_as_well():
    assert Masks({"\x1b[31m\n": "abcdefgh1"}).mask("abcdefgh1") == "***__31m_***"


def test_settings_of_the_environment_count_only_if_they_are_called_secret():
    settings = {
        "DATABRICKS_TOKEN": "dapi-1234567",
        "DATABRICKS_HOST": "https://x.cloud.databricks.com",
        "SORT_KEY": "customer_id",
        "API_KEY": "k-12345678",
    }
    masks = Masks({}, settings)
    assert masks.mask("dapi-1234567 https://x.cloud.databricks.com customer_id k-12345678") == (
        "***DATABRICKS_TOKEN*** https://x.cloud.databricks.com customer_id ***API_KEY***"
    )


def test_a_secret_that_has_changed_is_masked_old_and_new():
    masks = Masks({"TOKEN": "old-value-1"})
    renewed = masks.renewed({"TOKEN": "new-value-2"})
    assert renewed.mask("old-value-1 new-value-2") == "***TOKEN*** ***TOKEN***"
    assert renewed.renewed({"TOKEN": "new-value-2"}) is renewed
    assert masks.mask("new-value-2") == "new-value-2"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("401 for url https://etl:hunter2@w.example.com/v1", "401 for url https://etl:***@w.example.com/v1"),
        ("postgresql+psycopg2://u:p@ss@h:5432/d?x=a@b", "postgresql+psycopg2://u:***@h:5432/d?x=a@b"),
        ("https://ghx0123456789abcdefghij@github.com/a", "https://***@github.com/a"),
        ("s3://bucket/key@2", None),
        ("git+ssh://git@github.com/a", None),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=IQo%2Fx&X-Amz-Date=1&X-Amz-Signature=0a1b&x=2",
            "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=***&X-Amz-Date=1&X-Amz-Signature=***&x=2",
        ),
        ("https://a.blob.core.windows.net/c?sv=1&sig=ab%2Fc%3D&se=2", "https://a.blob.core.windows.net/c?sv=1&sig=***&se=2"),
        ("next=https%3A%2F%2Fh%2F%3Ftoken%3Dabc%26x%3D1", "next=https%3A%2F%2Fh%2F%3Ftoken%3D***%26x%3D1"),
        ("?access_token=abc.def&id=1", "?access_token=***&id=1"),
        ("host=db password=hunter2 dbname=x", "host=db password=*** dbname=x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': '***'}"),
        ("-H 'X-Api-Key: abcdefgh'", "-H 'X-Api-Key: ***'"),
        ("sent Bearer abc.def-123", "sent Bearer ***"),
        ("Bearer authentication failed", None),
        ("the bearer token is missing", None),
        ('{"access_token": "abcdef", "expires": 3600}', '{"access_token": "***", "expires": 3600}'),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("ASIAIOSFODNN7EXAMPLE.", "***."),
        ("session IQoJb3JpZ2lu" + "x" * 200 + " end", "session *** end"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "***"),
        ("Set-Cookie: sid=31d4d96e; Path=/", "Set-Cookie: ***"),
        ("CREATE SECRET (TYPE s3, SECRET 'wJalrXUtnFEMI/K7MDENG')", "CREATE SECRET (TYPE s3, SECRET '***')"),
        ('    connect(password=pond.env("X"), token=None, url=f"https://{user}:{token}@host")', None),
        ("    call(password=os.environ['PW'])", None),
        ("Config(user='etl', password='hunter2', token='')", "Config(user='etl', password='***', token='')"),
        ("psql --password hunter2 -h db", "psql --password *** -h db"),
        ("psql --password -h db", None),
        ("<Password>hunter2</Password>", "<Password>***</Password>"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = ***"),
        ("  api_key: 'hunter2x99'", "  api_key: '***'"),
        ("    token = next_token\n    secret = value.strip()", None),
        ("password: field required, secret: none", None),
        ("[(b'authorization', b'Token abc')]", "[(b'authorization', b'Token ***')]"),
        ("{'Cookie': 'sid=31d4d96e; a=b'}", "{'Cookie': '***'}"),
        ("sk-proj-abcdefghijklmnopqrstuvwxyz0123456789", "***"),
        ("task-sk-learn, disk-full", None),
    ],
)
def test_what_gives_itself_away_is_masked_whoever_it_belongs_to(text, found):
    assert Masks({}).mask(text) == (text if found is None else found)


@pytest.mark.parametrize(
    "hostile",
    [
        *("token=", "://a:", "bearer ", '"secret":', "\\" * 7, "%25", "-----BEGIN PRIVATE KEY-----", "://a:b@", "eyJaaaaaaaa."),
        *("password = ", "token: a", "--secret ", "<token>", "cookie", "authorization ' b'", "sk-sk-", "        ", "| | ", "\x1b[1;"),
    ],
)
def test_hostile_text_takes_time_by_its_length_only(hostile):
    """Ten times the text, not a hundred times the steps: a pattern that looks back would not come to an end here."""
    masks = Masks({"A": "\\" * 20 + '"%%' * 20, "B": "\\\n" * 30})
    masks.mask(hostile * (400_000 // len(hostile)))
