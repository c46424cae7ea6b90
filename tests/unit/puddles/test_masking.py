"""Which columns of recorded rows are masked, and by what."""

import duckdb
import pytest

from duckstring.author.columns import column_types
from duckstring.puddles.masking import KEY, looks_personal, masked_columns, masking

PERSONAL = [
    *("email", "customer_email", "EMail", "phone", "phoneNumber", "first_name", "lastName"),
    *("customer_name", "user_name", "birth_date", "date_of_birth", "home_address", "postcode"),
    *("postal_code", "zip", "ip_address", "iban", "card_number", "api_key", "password", "token"),
    *("passport_no", "tax_id", "emails", "addresses"),
]
PLAIN = [
    *("id", "name", "product_name", "product", "price", "amount", "day", "created_at", "n"),
    *("category", "quantity", "sort_key", "token_url", "latest", "shipped", "zipped"),
    *("mailbox_count", "status", "process"),
]


@pytest.mark.parametrize(
    "name",
    PERSONAL,
)
def test_names_that_look_secret_or_personal(name):
    assert looks_personal(name)


@pytest.mark.parametrize(
    "name",
    PLAIN,
)
def test_names_that_do_not(name):
    assert not looks_personal(name)


def test_tokens_are_stable_and_keep_the_types():
    con = duckdb.connect()
    con.execute(f"SET VARIABLE {KEY} = 'k'")
    sql = """
        SELECT 'a@b.c' AS email, 7::BIGINT AS phone, 3::TINYINT AS zip, 1.5::DECIMAL(9,2) AS card,
            DATE '2030-01-01' AS birth_date, TIMESTAMPTZ '2030-01-01 00:00:00Z' AS birth,
            uuid() AS account, ['x'] AS addresses, {'email': 'x', 'n': 1} AS customer, 1 AS id
        UNION ALL SELECT 'a@b.c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2
    """
    relation = con.sql(sql)
    columns = column_types(relation)
    masked = masked_columns(columns, ["id"], ["zip"])
    assert list(masked) == [name for name in columns if name != "zip"]
    made = con.sql(f"SELECT {masking(columns, masked)} FROM ({sql})")
    assert made.types == relation.types
    first, second = made.fetchall()
    assert first[0] == second[0]
    assert first[0].startswith("email-")
    assert first[2] == 3
    assert (first[7], first[8]) == (None, None)
    assert all(value is not None for value in first[:7])
    assert list(second[1:7]) == [None] * 6
    assert first[9] != second[9]
    con.execute(f"SET VARIABLE {KEY} = 'other'")
    assert con.sql(f"SELECT {masking(columns, masked)} FROM ({sql})").fetchall()[0][0] != first[0]
