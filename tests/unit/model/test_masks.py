"""Secrets are masked in every form in which they turn up by accident, and ordinary words are
not.
"""

from __future__ import annotations

import base64
import html
import json
import pprint
import random
import shlex
import string
import textwrap
import time
from urllib.parse import quote, quote_plus

import pytest

from duckstring.model.masks import Masks

TOKEN = "tok/en+wi\"th\\we ird\té%25&<'42"
PEM = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"
    "BKcwggSjAgEAAoIBAQDc0RGxAbCd\n-----END PRIVATE KEY-----\n"
)


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
    for part in (
        "tok",
        "ird",
        TOKEN.encode().hex()[8:20],
        b64(TOKEN)[4:16],
        b64(f"u:{TOKEN}")[8:20],
    ):
        assert part not in found.replace("***TOKEN***", "")


@pytest.mark.parametrize(
    "value",
    [
        "1",
        "true",
        "us-east-1",
        "eu-central-1",
        "localhost",
        "",
        "-",
        "        ",
        "2030-01-01",
        "abc",
        "xxxxxxxxx",
        "5432",
    ],
)
def test_values_that_ordinary_text_is_full_of_are_not_secrets(value):
    text = f"1 true us-east-1 eu-central-1 localhost - 2030-01-01 abc xxxxxxxxx 5432: {value}"
    assert Masks({"SETTING": value, "A_TOKEN": value}).mask(text) == text


def test_a_short_value_counts_where_its_name_says_so_and_it_stands_alone():
    masks = Masks({"DB_PASSWORD": "hunter2", "SCHEMA": "public2"})
    assert (
        masks.mask("hunter2 hunter22 (hunter2) public2")
        == "***DB_PASSWORD*** hunter22 (***DB_PASSWORD***) public2"
    )


def test_signs_of_patterns_are_taken_as_they_are():
    assert (
        Masks({"X": ".*a+b(c|d)[e]$^{2}"}).mask("say .*a+b(c|d)[e]$^{2}, aab") == "say ***X***, aab"
    )


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
    masks = Masks(
        {
            "DB": json.dumps({"user": "etl_reader", "login": {"password": "s3cr3t!"}}),
            "LIST": '["alphabeta", 12345678]',
        }
    )
    assert (
        masks.mask("etl_reader s3cr3t! alphabeta 12345678")
        == "etl_reader ***DB*** ***LIST*** ***LIST***"
    )
    assert masks.mask(repr(json.loads('{"password": "s3cr3t!"}'))) == "{'password': '***DB***'}"


def test_the_password_of_a_url_is_masked_alone_and_as_it_is_meant():
    masks = Masks({"DSN": "postgres://etl:p%40ss%2Fw0rd@db.example.com/x"})
    assert masks.mask("p@ss/w0rd p%40ss%2Fw0rd") == "***DSN*** ***DSN***"


def test_a_name_is_foreign_text_as_well():
    assert Masks({"\x1b[31m\n": "abcdefgh1"}).mask("abcdefgh1") == "***__31m_***"


PHRASE = "correct horse-battery staple"


@pytest.mark.parametrize("width", range(12, 40))
@pytest.mark.parametrize(
    "shown",
    [
        textwrap.fill,
        lambda text, width: textwrap.fill(text, width, subsequent_indent="    "),
        lambda text, width: textwrap.fill(text, width).replace("\n", "\r\n"),
        lambda text, width: "\n".join(
            f"│ {line:<{width}} │" for line in textwrap.wrap(text, width)
        ),
        lambda text, width: "\n".join(
            f"║ {line:<{width}} ║" for line in textwrap.wrap(text, width)
        ),
        lambda text, width: pprint.pformat({"said": text}, width=width),
        lambda text, width: "\n".join(text[at : at + width] for at in range(0, len(text), width)),
    ],
)
def test_a_phrase_is_masked_wherever_its_line_ends(shown, width):
    found = Masks({"PHRASE": PHRASE}).mask(
        shown(f"the login of the first try with {PHRASE} has failed", width)
    )
    assert "***PHRASE***" in found
    assert not any(word in found for word in ("correct", "horse", "battery", "staple"))
    assert "login" in found.replace("\n", "")


@pytest.mark.parametrize("size", [999, 1_000, 1_001, 1_989, 2_500, 5_003])
def test_a_long_value_is_masked_to_its_end_in_every_form(size):
    value = "".join(random.Random(size).choices(string.ascii_letters + "+/", k=size))
    masks = Masks({"LONG": value})
    for said in (
        value,
        quote(value, safe=""),
        b64(value),
        b64(f"u:{value}"),
        b64(f"us:{value};"),
        value.encode().hex(),
    ):
        for text in (said, "\n".join(textwrap.wrap(said, 76))):
            assert len(masks.mask(text)) < 40
    assert (
        masks.mask("every letter of a text stays where it was")
        == "every letter of a text stays where it was"
    )


@pytest.mark.parametrize(
    ("value", "secret", "settings"),
    [
        (
            {"password": {"value": "nested-pass"}, "token": "tok-zzz-99"},
            ["nested-pass", "tok-zzz-99"],
            [],
        ),
        (
            {"passwords": ["listed-1", "listed-2"], "host": "db.example.com"},
            ["listed-1", "listed-2"],
            ["db.example.com"],
        ),
        (
            {"api_token": "tok-abcd", "credentials": {"user": "bob-admin", "value": "SuperSecret"}},
            ["tok-abcd", "SuperSecret"],
            [],
        ),
        (
            {"credentials": {"user": "bob-admin", "password": "SuperSecret"}},
            ["SuperSecret"],
            ["bob-admin"],
        ),
        ({"password": {"value": "abc123"}, "note": "hello-there"}, ["abc123"], ["hello-there"]),
        (
            {"a": {"b": {"c": {"d": {"token": {"e": "deep-inside"}}}}}, "x": "hello-there"},
            ["deep-inside"],
            ["hello-there"],
        ),
        ({"DB_PASSWORD_PROD": "prod-pass", "x": "hello-there"}, ["prod-pass"], ["hello-there"]),
    ],
)
def test_of_a_json_value_all_below_secret_names_counts(value, secret, settings):
    masks = Masks({"CONFIG": json.dumps(value)})
    assert [masks.mask(text) for text in secret] == ["***CONFIG***"] * len(secret)
    assert [masks.mask(text) for text in settings] == settings


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("Server=h;User Id=sa;Password=Odbc-1!;", "Odbc-1!"),
        ("user: bob\npassword: yaml-value", "yaml-value"),
        ("jdbc:postgresql://h/db?user=a&password=jdbcpass", "jdbcpass"),
        ("host=h password='lib pq pass' user=u", "lib pq pass"),
    ],
)
def test_what_gives_itself_away_in_a_value_counts_alone(value, secret):
    assert Masks({"CONNECTION": value}).mask(f"no: {secret}!") == "no: ***CONNECTION***!"


@pytest.mark.parametrize(
    "before",
    [
        "\\n",
        "\\t",
        "\\xa9",
        "\\u00e9",
        "\\303\\251",
        "%3D",
        "%3d",
        "%253D",
        "\\x1b[31m",
        "\\x1b[1;31m",
        "é",
        "=",
        "\n",
    ],
)
def test_a_short_value_stands_alone_behind_an_escape(before):
    masks = Masks({"DB_PASSWORD": "4fG9k2"})
    assert masks.mask(f"pin{before}4fG9k2\\n") == f"pin{before}***DB_PASSWORD***\\n"
    assert (
        masks.mask("xn4fG9k2 x4fG9k2 4fG9k2x 3D4fG9k2 31m4fG9k2")
        == "xn4fG9k2 x4fG9k2 4fG9k2x 3D4fG9k2 31m4fG9k2"
    )


def nested(levels, leaf):
    for _ in range(levels):
        leaf = {"more": [leaf]}
    return leaf


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_a_secret_within_lists_and_objects_of_a_json_value_counts_alone(levels):
    masks = Masks({"CONFIG": json.dumps(nested(levels, {"pin": "zx-81-spectrum"}))})
    assert masks.mask("say zx-81-spectrum") == "say ***CONFIG***"


@pytest.mark.parametrize(
    "value",
    [
        json.dumps(nested(30, {"pin": "zx-81-spectrum"})),
        json.dumps(nested(30, ["zx-81-spectrum"])),
        '{"pin": "zx-81-spectrum", ',
        "[zx-81-spectrum]",
        "https://[zx-81@spectrum/x",
    ],
)
def test_a_value_that_cannot_be_taken_apart_is_masked_as_a_whole(value):
    assert Masks({"CONFIG": value}).mask(f"say {value}!") == "say ***CONFIG***!"


def test_of_a_json_value_what_is_true_false_or_null_is_no_secret_and_a_number_is():
    value = {"pin": 8_183_848_586, "otp": None, "jwt": True, "cookie": [False]}
    masks = Masks({"CONFIG": json.dumps(value)})
    assert masks.mask("8183848586 None True False null") == "***CONFIG*** None True False null"


def test_who_is_named_in_a_url_without_a_password_is_no_secret():
    url = "https://etl_reader@db.example.com/x"
    masks = Masks({"DSN": url})
    assert masks.mask(f"{url} of etl_reader") == "***DSN*** of etl_reader"


def test_a_text_without_secrets_is_remembered_and_stays_as_it_is():
    masks = Masks({"TOKEN": TOKEN})
    for text in ("no rows", "no\nrows", "no\nrows"):
        assert masks.mask(text) == text
        assert masks.is_plain(text)
    assert not masks.is_plain("not seen before")


@pytest.mark.parametrize("rest", ["\nmore", "\r\nmore", "", " more" * 400])
def test_of_a_quoted_value_whose_end_was_cut_off_nothing_is_left(rest):
    found = Masks({}).mask(f'{{"password": "abc-def ghi{rest}')
    assert found.startswith('{"password": "***')
    assert "abc" not in found
    assert "ghi" not in found


def test_the_working_folder_of_an_environment_is_no_password():
    assert Masks({}, {"PWD": "/var/task", "OLDPWD": "/var/else", "MYSQL_PWD": "abc-def"}).mask(
        "/var/task /var/else abc-def"
    ) == ("/var/task /var/else ***MYSQL_PWD***")


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


def test_of_new_variables_only_those_are_masked_whose_names_say_so():
    renewed = Masks({}).renewed({"TOKEN": "value-1"}, {"DB_PASSWORD": "value-2", "MODE": "value-3"})
    assert renewed.mask("value-1 value-2 value-3") == "***TOKEN*** ***DB_PASSWORD*** value-3"
    assert renewed.renewed({}, {"MODE": "value-4", "DB_PASSWORD": "value-2"}) is renewed


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "401 for url https://etl:hunter2@w.example.com/v1",
            "401 for url https://etl:***@w.example.com/v1",
        ),
        (
            "postgresql+psycopg2://u:p@ss@h:5432/d?x=a@b",
            "postgresql+psycopg2://u:***@h:5432/d?x=a@b",
        ),
        ("https://ghx0123456789abcdefghij@github.com/a", "https://***@github.com/a"),
        ("s3://bucket/key@2", None),
        ("git+ssh://git@github.com/a", None),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=IQo%2Fx&X-Amz-Date=1&X-Amz-Signature=0a1b&x=2",
            "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=***&X-Amz-Date=1&X-Amz-Signature=***&x=2",
        ),
        (
            "https://a.blob.core.windows.net/c?sv=1&sig=ab%2Fc%3D&se=2",
            "https://a.blob.core.windows.net/c?sv=1&sig=***&se=2",
        ),
        (
            "next=https%3A%2F%2Fh%2F%3Ftoken%3Dabc%26x%3D1",
            "next=https%3A%2F%2Fh%2F%3Ftoken%3D***%26x%3D1",
        ),
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
        (
            "CREATE SECRET (TYPE s3, SECRET 'wJalrXUtnFEMI/K7MDENG')",
            "CREATE SECRET (TYPE s3, SECRET '***')",
        ),
        (
            '    connect(password=pond.env("X"), token=None, url=f"https://{user}:{token}@host")',
            None,
        ),
        ("    call(password=os.environ['PW'])", None),
        (
            "Config(user='etl', password='hunter2', token='')",
            "Config(user='etl', password='***', token='')",
        ),
        ("psql --password hunter2 -h db", "psql --password *** -h db"),
        ("psql --password -h db", None),
        ("<Password>hunter2</Password>", "<Password>***</Password>"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = ***"),
        ("  api_key: 'hunter2x99'", "  api_key: '***'"),
        ("    token = next_token\n    secret = value.strip()", None),
        ("password: field required, secret: none", None),
        ("[(b'authorization', b'Token abc')]", "[(b'authorization', b'***')]"),
        ("{'Cookie': 'sid=31d4d96e; a=b'}", "{'Cookie': '***'}"),
        ("sk-proj-abcdefghijklmnopqrstuvwxyz0123456789", "***"),
        ("task-sk-learn, disk-full", None),
    ],
)
def test_what_gives_itself_away_is_masked_whoever_it_belongs_to(text, found):
    assert Masks({}).mask(text) == (text if found is None else found)


SECRET = "hunter22"
AWAY = [
    # headers
    *(
        "Authorization: opaque1hunter22",
        "Authorization: SSWS hunter22",
        "Authorization: OAuth hunter22",
        "authorization: Api-Key hunter22",
    ),
    *(
        "Authorization: Digest username='a', response='hunter22'",
        "Authorization: Hawk id=a, mac=hunter22",
        "Authorization: hunter-hunter22",
    ),
    *(
        "('Authorization', 'hunter22')",
        '("x-api-key", "hunter22")',
        "(b'x-api-key', b'hunter22')",
        "{'Authorization': 'x \"hunter22\" y'}",
    ),
    *("'set-cookie': ['a=b; Path=/', 'b=hunter22']", "Set-Cookie: a=b; b=hunter22"),
    # JSON, and what Python prints
    *(
        '"password": "ab\\"hunter22"',
        "'password': 'it\\'s-hunter22'",
        '"password": "it\'s-hunter22"',
        '{\\"password\\": \\"a\\\\\\"hunter22\\"}',
    ),
    *(
        '"token" : "hunter22"',
        '["DB_PASSWORD", "value": "hunter22"]',
        '{"name": "DB_PASSWORD", "value": "hunter22"}',
    ),
    # assignments
    *(
        'password="it\'s-hunter22"',
        "password='a\\'hunter22'",
        "PWD={Odbc;hunter22}1;",
        "password=p(a)hunter22",
        "password=a,hunter22",
    ),
    *(
        "token=[hunter22]",
        "token=<hunter22>",
        "password = 'hunter22'",
        'settings["password"] = "hunter22"',
        "token%3Dhunter22%26b",
    ),
    *(
        "password: hunter22",
        "api_key: hunter22",
        "- password: hunter-hunter22\n",
        "x api_key: 'hunter22'",
    ),
    # arguments
    *(
        "--password 'hunter22'",
        '--password "hunter22 x"',
        '["psql", "--password","hunter22"]',
        "['--api-key', 'hunter22']",
    ),
    *(
        "--db-password hunter22",
        "--client-secret hunter22",
        "--aws-secret-access-key hunter22",
        "--token=hunter22",
    ),
    # elements
    *(
        "<password type='x'>hunter22</password>",
        "<ns:password>hunter22</ns:password>",
        "<dbPassword>hunter22</dbPassword>",
    ),
    # SQL
    *(
        "CREATE SECRET s (TYPE postgres, PASSWORD 'hunter22')",
        "CREATE SECRET (TYPE http, BEARER_TOKEN 'hunter22')",
    ),
    *("CREATE USER a PASSWORD 'it''s-hunter22'", "IDENTIFIED BY 'hunter22'"),
    # addresses
    *(
        "postgres://u:a/hunter22@h/db",
        "postgres://u:a#hunter22@h/db",
        "postgres://u:a hunter22@h/db",
        "http%3A%2F%2Fu%3Ahunter22%40h",
    ),
    *("x%253A%252F%252Fu%253Ahunter22%2540h", "//x redis://:hunter22@h"),
    # keys, tokens
    *(f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{SECRET}\n-----END PGP PRIVATE KEY BLOCK-----",),
    *(
        (
            f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{SECRET}\n"
            "---- END SSH2 ENCRYPTED PRIVATE KEY ----"
        ),
    ),
    *(
        "eyJhbGciOiJSU0EtT0FFUCJ9.OKOawDo13gRp2ojaHV.48V1_ALb6US04U3b.5eym8hunter22.XFBoMYUZhunter22",
        "eyJhbGciOiJkaXIifQ..48V1_A.hunter22.hunter22",
    ),
]


@pytest.mark.parametrize("text", AWAY)
def test_no_form_that_is_promised_leaves_the_secret(text):
    for said in (text, f"failed: {text} (at once)", f"first\n{text}\nlast"):
        found = Masks({}).mask(said)
        assert SECRET not in found
        assert Masks({}).mask(found) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Bearer abcdefghijkl", "Bearer ***"),
        ('"password": "abc"', '"password": "***"'),
        ('"password": 12345678, "n": 1', '"password": ***, "n": 1'),
        ("connect(password=p@ss,word1, user=bob)", "connect(password=***, user=bob)"),
        ('--password "hunter 22" -h db', '--password "***" -h db'),
        ('{"password": "a\\"b", "user": "bob"}', '{"password": "***", "user": "bob"}'),
        ('{"password": "a\\\\", "user": "bob"}', '{"password": "***", "user": "bob"}'),
        (
            '{\\"password\\": \\"a\\\\\\"b\\", \\"user\\": 1}',
            '{\\"password\\": \\"***\\", \\"user\\": 1}',
        ),
        ("İ token=abc", "İ token=***"),
    ],
)
def test_what_stands_beside_it_stays(text, found):
    assert Masks({}).mask(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Authorization header is missing",
            "authorization: denied for user bob",
            "Authorization failed",
            "invalid bearer credentials",
        ),
        *(
            "unexpected token: '}' at line 3",
            "Unknown token 'FROM' in query",
            "no secret 'reports' in schema",
            "a signature: see the manual",
        ),
        *(
            "columns ['user', 'password', 'email', 'phone']",
            "df[['token', 'count']]",
            "scrypt('password', 'salt', 64)",
            "sort key: customer_id",
        ),
        *(
            '{"tokens": 51212345, "max_token_count": 123456}',
            '{"token": null}',
            '{"password": {"type": "string"}}',
            "token: Optional[str] = None",
        ),
        *(
            "http://localhost:8080/a@b",
            "http://h:80/x?mail=bob@example.com",
            "https://host: no answer for bob@example.com",
            "see http://[::1]:80/a@b",
        ),
        *(
            "password=os.environ['PW'], token=get(x)",
            'f"{user}:{password}"',
            "PASSWORD='{{ password }}'",
            "password = settings.password",
        ),
        *(
            "the password is wrong",
            "passwords must match",
            "--password-file /run/secret",
            "psql --password",
            "keyboard=azerty1234",
        ),
        *(
            "if token == stringEnd64:",
            "it's the primary_key='customer_id'",
            "a basic understanding of things",
        ),
    ],
)
def test_ordinary_words_stay_readable(text):
    assert Masks({}).mask(text) == text


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            "token=",
            "://a:",
            "bearer ",
            '"secret":',
            "\\" * 7,
            "%25",
            "-----BEGIN PRIVATE KEY-----",
            "://a:b@",
            "eyJaaaaaaaa.",
        ),
        *(
            "token=(a",
            "token=a,",
            "token=[a",
            "token='",
            "token=\\'",
            "password ",
            "password <",
            "<token ",
            "--token ",
            "('token', '",
            "secret '",
        ),
        *(
            "authorization: ",
            "authorization: a b=",
            "cookie: [a",
            "---- begin ssh2 private key ----",
            "%3a%2f%2fa%3a",
            "://a:b c",
            "'\n'",
        ),
        *(
            "correct horse ",
            "║ \n",
            "\\n-a-b1-",
            "eyJaaaaaaaa..",
            "bearer aaaaaaaa ",
            '"token": 1',
            "token=a,token='token=\"",
        ),
        *(
            "password = ",
            "token: a",
            "--secret ",
            "<token>",
            "cookie",
            "authorization ' b'",
            "sk-sk-",
            "        ",
            "| | ",
            "\x1b[1;",
        ),
    ],
)
def test_hostile_text_takes_time_by_its_length_only(hostile):
    """A pattern that looks back would not come to an end here."""
    masks = Masks(
        {
            "A": "\\" * 20 + '"%%' * 20,
            "B": "\\\n" * 30,
            "C": "correct horse battery",
            "PIN": "-a-b1-",
        }
    )
    for text in (
        hostile * (200_000 // len(hostile)),
        hostile + "a " * 100_000,
        hostile + "\\" * 200_000,
        hostile + ' "' * 100_000,
    ):
        began = time.process_time()
        masks.mask(text)
        assert time.process_time() - began < 2
