"""How checks are declared: in Python, and in files of SQL."""

from __future__ import annotations

import pytest

from duckstring import check
from duckstring.author.errors import RippleError
from tests.unit.test_worker_discover import found

HEAD = "from duckstring import check, ripple\n"
LOAD = HEAD + "@ripple\ndef load(pond): pass\n@ripple(parents=[load])\ndef join(pond): pass\n"


def ripples(source, **files):
    answer = found(source, files=files)
    assert answer["ok"], answer
    return {one["name"]: one for one in answer["ripples"]}


def said(source, **files):
    answer = found(source, files=files)
    assert not answer["ok"]
    return answer["error"]["message"]


def sql(text, name="amounts"):
    return {f"src/checks/{name}.sql": text}


def test_all_checks_are_one_ripple_below_those_that_nobody_reads():
    source = LOAD + (
        "@ripple\ndef side(pond): pass\n@check\ndef ids(pond): pass\n"
        "@check(severity='warn', name='late', needs_previous=True)\ndef _(): pass\n"
    )
    made = ripples(source, **sql("-- severity: warn\nFROM orders WHERE amount < 0"))
    assert list(made) == ["load", "join", "side", "checks"]
    assert (made["checks"]["parents"], made["checks"]["checks"]) == (
        ["join", "side"],
        ["ids", "late", "amounts"],
    )
    assert made["load"]["checks"] == []


def test_a_pond_without_checks_has_no_such_ripple_and_may_have_one_of_that_name():
    assert list(ripples(HEAD + "@ripple\ndef checks(pond): pass\n")) == ["checks"]


def test_checks_of_sql_ripples_need_no_module():
    files = {"src/ripples/orders.sql": "SELECT 1 AS id", **sql("FROM orders")}
    answer = found("", files={**files, "src/pond.py": "from duckstring import ripple\n"})
    assert [one["name"] for one in answer["ripples"]] == ["orders", "checks"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("@check(1)\ndef c(pond): pass\n", "src/pond.py:6: @check(1): an argument has no name"),
        ("@check('warn')\ndef c(pond): pass\n", "@check('warn'): an argument has no name"),
        (
            "@check(severty='warn')\ndef c(pond): pass\n",
            "@check: unknown argument severty=; did you mean severity? allowed: severity, name,",
        ),
        (
            "@check(severity='warning')\ndef c(pond): pass\n",
            "Check 'c': severity='warning'; allowed: \"fail\" or \"warn\".",
        ),
        (
            "@check(needs_previous=1)\ndef c(pond): pass\n",
            "Check 'c': needs_previous=1; allowed: True or False.",
        ),
        ("@check\ndef Big(pond): pass\n", "A check cannot be called 'Big'; allowed: a lower-case"),
        ("@check\nclass c: pass\n", "@check stands above <class 'pond.c'>."),
        ("@check\ndef c(pond, x): pass\n", "Check 'c' takes 2 arguments (pond, x); allowed:"),
        ("@check\nasync def c(pond): pass\n", "Check 'c' is async or a generator."),
        ("@check\ndef c(pond): yield 1\n", "Check 'c' is async or a generator."),
        (
            "@check\ndef c(pond): pass\n@check(name='c')\ndef d(pond): pass\n",
            "2 checks are called 'c' (@check c, @check c).",
        ),
        (
            "@ripple\ndef checks(pond): pass\n@check\ndef c(pond): pass\n",
            "A Ripple is called 'checks', the name of the Ripple that makes the Pond's checks.",
        ),
        (
            "for n in range(51):\n    @check(name=f'c{n}')\n    def c(pond): pass\n",
            "The Pond has 51 checks; allowed: 50.",
        ),
    ],
)
def test_a_check_that_cannot_be_is_refused_with_a_line(body, words):
    assert words in said(LOAD + body)


def test_faults_of_ripples_and_checks_are_reported_together():
    message = said(
        LOAD + "@ripple(timeout='x')\ndef a(pond): pass\n@check(severity='x')\ndef c(pond): pass\n",
        **sql("DELETE FROM orders"),
    )
    assert [line.partition(": ")[0] for line in message.splitlines()] == [
        "src/pond.py:6",
        "src/pond.py:8",
        "src/checks/amounts.sql:1:1",
    ]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            sql("-- severity: error\nFROM orders"),
            "src/checks/amounts.sql: severity: error; allowed: fail or warn.",
        ),
        (
            sql("-- needs_previous: maybe\nFROM orders"),
            "src/checks/amounts.sql: needs_previous: maybe; allowed: true or false.",
        ),
        (
            sql("-- Severty: warn\nFROM orders"),
            "src/checks/amounts.sql:1: unknown option severty:; did you mean severity? Allowed:",
        ),
        (
            sql("-- severity: warn\n-- severity: fail\nFROM orders"),
            "src/checks/amounts.sql:2: severity: stands there twice.",
        ),
        (sql("SELEC 1"), "src/checks/amounts.sql:1:1: syntax error"),
        (sql("FROM orders WHERE id = ?"), "src/checks/amounts.sql: it has a parameter ($1 or ?)"),
        (
            sql("FROM sale.orders"),
            "src/checks/amounts.sql:1:6: it reads sale.orders, but 'sale' is not a Source",
        ),
        (sql("FROM orders", name="Amounts"), "a check cannot be called 'Amounts.sql'"),
        (sql("FROM orders", name="more/amounts"), "it lies too deep; allowed: src/checks/amounts"),
        (sql("FROM orders\0"), "src/checks/amounts.sql:1: found a null byte"),
        (
            {**sql("FROM orders", name="load"), "src/ripples/checks.sql": "SELECT 1 AS a"},
            "A Ripple is called 'checks'",
        ),
        (
            {**sql("FROM orders"), "pond.toml": "[sources]\nprevious = '1.0.0'\n"},
            "A Source is called 'previous'",
        ),
    ],
)
def test_a_file_that_cannot_be_a_check_is_refused_with_its_place(files, words):
    assert words in said(LOAD, **files)


def test_a_check_may_read_a_source_and_what_is_published():
    files = {"pond.toml": "[sources]\nproducts = '1.0.0'\n"}
    text = "FROM products.prices SEMI JOIN previous.orders USING (id)"
    assert ripples(LOAD, **files, **sql(text))["checks"]["checks"] == ["amounts"]


def test_the_function_itself_stays_as_it_is():
    @check(severity="warn")
    def amounts(pond):
        return "FROM orders"

    assert amounts(None) == "FROM orders"


def test_outside_of_an_import_a_fault_is_raised_where_it_stands():
    with pytest.raises(RippleError, match='allowed: "fail" or "warn"'):

        @check(severity="loud")
        def amounts(pond):
            return None
