"""Checks as an author meets them: on this machine, by the worker's own code."""

from __future__ import annotations

import pytest

from tests.unit.puddles.local_kit import Local

HEAD = "from duckstring import check, ripple\n\n"
LOAD = HEAD + (
    "@ripple\ndef load(pond):\n"
    "    pond.write_table('orders', 'SELECT range AS id, range - 2 AS amount FROM range(5)')\n"
)
NEGATIVE = "@check\ndef amounts(pond): return 'FROM orders WHERE amount < 0 ORDER BY id'\n"


@pytest.fixture
def local(tmp_path):
    return Local(tmp_path)


def made(local, code, **files):
    local.code(LOAD + code)
    for name, text in files.items():
        local.code(text, f"src/checks/{name}.sql")
    ran = local.run()
    return ran, ran.ripples[-1]


def one(local, code, **files):
    """The result of the one check that there is."""
    _, ripple = made(local, code, **files)
    (found,) = ripple.checks
    return found


def test_rows_that_must_not_exist_keep_everything_unpublished(local):
    ran, checks = made(local, NEGATIVE)
    assert (ran.ok, checks.ripple, checks.status) == (False, "checks", "failed")
    assert local.out() == []
    (found,) = checks.checks
    assert (found.outcome, found.rows, found.columns) == ("failed", 2, ("id", "amount"))
    assert found.sample == (("0", "-2"), ("1", "-1"))
    assert checks.fault.error == "CheckFailed"
    assert checks.fault.message == (
        "1 of 1 check failed: amounts (2 rows). Nothing of this run is published.\n\n"
        "amounts (failed): 2 rows\n  id  amount\n  0   -2\n  1   -1"
    )


def test_a_check_that_warns_is_told_and_the_run_is_published(local):
    ran, checks = made(local, NEGATIVE.replace("@check", "@check(severity='warn')"))
    assert (ran.ok, checks.status, local.out()) == (True, "success", ["orders"])
    assert [(found.outcome, found.rows) for found in checks.checks] == [("warned", 2)]


def test_the_good_data_of_before_stay_when_a_later_run_fails_its_checks(local):
    rows = "pond.write_table('orders', 'SELECT 1 AS id, {} AS amount')\n"
    local.code(HEAD + f"@ripple\ndef load(pond): {rows.format(5)}{NEGATIVE}")
    assert local.run().ok
    local.code(HEAD + f"@ripple\ndef load(pond): {rows.format(-5)}{NEGATIVE}")
    assert not local.run().ok
    assert local.rows("orders") == [(1, 5)]


@pytest.mark.parametrize(
    ("body", "outcome", "rows", "message"),
    [
        ("return None", "passed", 0, ""),
        ("return True", "passed", 0, ""),
        ("return 'FROM orders WHERE id < 0'", "passed", 0, ""),
        ("return pond.con.sql('FROM orders').filter('id > 2')", "failed", 2, ""),
        ("return pond.read_table('orders').df().query('id > 3')", "failed", 1, ""),
        ("return pond.read_table('orders').df().groupby('id').sum()", "failed", 5, ""),
        ("return pond.read_table('orders').to_arrow_reader()", "failed", 5, ""),
        ("return (pond.read_table('orders').df().id >= 0).all()", "passed", 0, ""),
        ("return (pond.read_table('orders').df().id > 0).all()", "failed", 0, "It returned False."),
        ("return False", "failed", 0, "It returned False."),
        ("assert False, 'too few orders'", "failed", 0, "too few orders"),
        ("assert 1 > 2", "failed", 0, "assert 1 > 2"),
        ("return 'SELECT id, id, id FROM orders LIMIT 1'", "failed", 1, ""),
    ],
)
def test_what_a_check_may_answer(local, body, outcome, rows, message):
    found = one(local, f"@check\ndef orders_are_well(pond):\n    {body}\n")
    assert (found.outcome, found.rows, found.message) == (outcome, rows, message)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ("return 3", "CheckError", "Check 'c' returned int (3); allowed: the text of one SELECT"),
        ("return [{'id': 1}]", "CheckError", "Check 'c' returned list"),
        ("return object()", "CheckError", "Check 'c' returned object"),
        ("return 'FROM nothing'", "CatalogException", "Table with name nothing does not exist"),
        ("return 'CREATE TABLE t (i INT)'", "CheckError", "Check 'c' returned str"),
        ("return 'FROM orders; SELECT 1 WHERE false'", "CheckError", "Check 'c' returned str"),
        ("pond.write_table('x', 'SELECT 1')", "CheckError", "pond.write_table in a check; a check"),
        ("pond.drop_table('orders')", "CheckError", "pond.drop_table in a check"),
        ("pond.keep_table('orders')", "CheckError", "pond.keep_table in a check"),
        ("pond.skip()", "CheckError", "pond.skip in a check"),
        ("pond.pause('9s')", "CheckError", "pond.pause in a check"),
        ("pond.remember('a', 1)", "CheckError", "pond.remember in a check"),
        ("raise ValueError('no luck')", "ValueError", "no luck"),
    ],
)
def test_what_is_no_answer_is_an_ordinary_failure(local, body, error, said):
    ran, checks = made(local, f"@check\ndef c(pond):\n    {body}\n")
    assert (ran.ok, checks.status, checks.checks) == (False, "failed", ())
    assert checks.fault.error == error
    assert said in checks.fault.message


def test_all_checks_are_made_and_one_that_raises_is_named_beside_one_that_fails(local):
    code = (
        "@check\ndef broken(pond): raise ValueError('no luck')\n"
        + NEGATIVE
        + "@check(severity='warn')\ndef few(pond): assert False, 'few'\n"
    )
    _, checks = made(local, code, ids="-- every id is there\nFROM orders WHERE id IS NULL")
    assert [(found.check, found.outcome) for found in checks.checks] == [
        ("broken", "raised"),
        ("amounts", "failed"),
        ("few", "warned"),
        ("ids", "passed"),
    ]
    assert checks.fault.message.startswith(
        "1 of 4 checks failed: amounts (2 rows). 1 warned: few. 1 raised: broken. "
        "Nothing of this run is published."
    )
    assert "broken (raised): ValueError: no luck" in checks.fault.message


def test_a_check_in_sql_names_its_file_and_place(local):
    _, checks = made(local, "", amounts="-- severity: warn\nSELECT nosuch\nFROM orders")
    assert checks.fault.error == "SqlError"
    assert checks.fault.message.startswith("src/checks/amounts.sql:2:8: Binder Error")


def test_a_check_in_sql_may_warn(local):
    found = one(local, "", amounts="-- severity: warn\nFROM orders WHERE amount < 0")
    assert (found.check, found.severity, found.outcome, found.rows) == (
        "amounts",
        "warn",
        "warned",
        2,
    )


def test_what_is_published_is_there_as_previous(local):
    code = (
        "@check(needs_previous=True)\ndef fewer(pond):\n"
        "    return 'FROM previous.orders ANTI JOIN orders USING (id)'\n"
        "@check\ndef known(pond):\n"
        "    assert pond.has_table('previous.orders') is pond.has_previous\n"
        "    if pond.has_previous:\n"
        "        assert pond.read_table('previous.orders').count('*').fetchone() == (5,)\n"
        "        assert pond.con.sql('FROM previous.orders').count('*').fetchone() == (5,)\n"
    )
    _, checks = made(local, code)
    assert [found.outcome for found in checks.checks] == ["not applicable", "passed"]
    local.code((LOAD + code).replace("range(5)", "range(3)"))
    fewer, known = local.run().ripples[-1].checks
    assert (fewer.outcome, fewer.sample) == ("failed", (("3", "1"), ("4", "2")))
    assert known.outcome == "passed"


@pytest.mark.parametrize(
    "body",
    ["return 'FROM previous.orders'", "pond.read_table('previous.orders')"],
)
def test_a_check_that_needs_what_is_not_published_fails_unless_it_says_so(local, body):
    _, checks = made(local, f"@check\ndef fewer(pond):\n    {body}\n")
    assert checks.fault.error == "PreviousMissingError"
    assert "needs_previous" in checks.fault.message
    # Something is published, but not this table.
    local.code(LOAD.replace("orders", "others"))
    assert local.run().ok
    code = f"@check(needs_previous=True)\ndef fewer(pond):\n    {body}\n"
    extra = "@ripple(parents=[load])\ndef more(pond): pond.write_table('others', 'FROM orders')\n"
    _, checks = made(local, extra + code)
    assert (checks.fault, [found.outcome for found in checks.checks]) == (
        None,
        ["not applicable"],
    )


def test_a_table_that_a_source_lacks_is_no_matter_of_previous(local):
    root = Local(local.root.parent / "other", sources='shop = "1.0.0"\n')
    root.puddles("@puddle('shop.visits')\ndef visits(): return [{'id': 1}]\n")
    root.code(LOAD + "@check\ndef c(pond): return 'FROM shop.orders'\n")
    fault = root.run().ripples[-1].fault
    assert (fault.error, "previous" in fault.message) == ("CatalogException", False)


def test_checks_are_not_made_where_every_ripple_says_that_nothing_changed(local):
    code = HEAD + (
        "@ripple\ndef load(pond):\n"
        "    if pond.has_table('orders'):\n        return pond.skip()\n"
        "    pond.write_table('orders', 'SELECT 1 AS id')\n"
        "@check(severity='warn')\ndef c(pond):\n    print('made')\n    assert False\n"
    )
    local.code(code)
    first, second = local.run(), local.run()
    assert [ran.ripples[-1].status for ran in (first, second)] == ["success", "skipped"]
    assert [len(ran.ripples[-1].checks) for ran in (first, second)] == [1, 0]
    assert [text for _, text in local.printed].count("made") == 1
    # Another version has never seen these tables.
    local.code(code + "\n# other\n")
    assert local.run().ripples[-1].status == "success"
    assert [text for _, text in local.printed].count("made") == 2


def test_a_sample_is_bounded_harmless_and_without_secrets(local):
    code = (
        "@check\ndef c(pond):\n"
        "    names = ', '.join(f\"repeat('x', 200) AS c{n}\" for n in range(40))\n"
        "    return f\"SELECT chr(27) || '[31m' || 'hunter2-swordfish' AS evil, {names} "
        'FROM range(100)"\n'
    )
    local.code(LOAD + code)
    ran = local.run(variables={"API_TOKEN": "hunter2-swordfish"})
    (found,) = ran.ripples[-1].checks
    assert (found.rows, len(found.sample), len(found.columns)) == (100, 20, 30)
    assert {len(cell) for row in found.sample for cell in row[1:]} == {80}
    assert "hunter2" not in str(found) + ran.ripples[-1].fault.message
    assert "\x1b" not in ran.ripples[-1].fault.message
    assert "... and 80 rows more" in ran.ripples[-1].fault.message


def test_only_some_ripples_run_without_the_checks(local):
    local.code(LOAD + NEGATIVE)
    ran = local.run(only="load")
    assert ([ripple.ripple for ripple in ran.ripples], ran.ok) == (["load"], True)
