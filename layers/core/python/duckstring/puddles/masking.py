"""Values that are not to leave a Catchment with recorded rows: which columns have them, and what
takes their place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from duckstring.author.columns import ColumnType, ColumnTypes
from duckstring.model.secret_names import is_secret_name
from duckstring.model.sql import quoted

KEY = "duckstring_mask_key"
"""The variable of DuckDB's session that holds the key: it stands in no SQL text."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PERSONAL = _words("""
    email mail phone mobile telephone tel fax surname firstname lastname forename birthday
    birthdate dob birth ssn nin passport iban bic swift account card creditcard cvv street address
    postcode zip zipcode username login ip ipaddress latitude longitude lat lon lng salary gender
    religion ethnicity nationality health license licence
""")
_NAME_OF = _words("""
    first last middle full family given maiden nick user customer client person contact owner
    employee patient holder guest member
""")
"""Whose ``name`` is a person's: ``product_name`` is not."""
_PAIRS = frozenset(
    {("post", "code"), ("postal", "code"), ("tax", "id"), ("national", "id"), ("e", "mail")}
)
_WHOLE = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger",
     "ubigint", "uhugeint", "bignum", "float", "double"}
)  # fmt: skip
_SMALL = {"tinyint": 100, "utinyint": 100, "smallint": 10_000, "usmallint": 10_000}
_DAYS = 20_000
_MOST_DIGITS = 6


def looks_personal(name: str) -> bool:
    """Whether a name says that its value is secret, or about a person."""
    if is_secret_name(name):
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    if any(one in _PERSONAL for word in words for one in _singulars(word)):
        return True
    singular = [_singulars(word)[-1] for word in words]
    pairs = set(pairwise(singular))
    return bool(pairs & _PAIRS) or any(one in _NAME_OF and other == "name" for one, other in pairs)


def _singulars(word: str) -> Sequence[str]:
    """The word, and what it may be the plural of: ``addresses``, ``emails``."""
    found = [word, word.removesuffix("es"), word.removesuffix("s")]
    return found if word.endswith("s") else [word]


def masked_columns(
    columns: ColumnTypes, asked: Collection[str], kept: Collection[str]
) -> Sequence[str]:
    """The columns whose values are to be masked: those that were ``asked`` for, and those whose
    names, or the names of fields in them, look so; none that is ``kept``.
    """
    return [
        name
        for name, kind in columns.items()
        if name in asked or (name not in kept and any(map(looks_personal, _names(name, kind))))
    ]


def masking(columns: ColumnTypes, masked: Collection[str]) -> str:
    """The items of a SELECT: the columns, with tokens in the place of masked values.

    A token is the same for the same value, in every table, and has the column's type. NULL stays
    NULL. What has no such token (a list, a STRUCT) becomes NULL.
    """
    return ", ".join(
        f"{_token(quoted(name), name, kind)} AS {quoted(name)}" if name in masked else quoted(name)
        for name, kind in columns.items()
    )


def _token(value: str, name: str, kind: ColumnType) -> str:
    digest = f"sha256(getvariable('{KEY}') || CAST({value} AS VARCHAR))"
    token = _of_kind(digest, name, kind)
    return f"CASE WHEN {value} IS NOT NULL THEN {token} END"


def _of_kind(digest: str, name: str, kind: ColumnType) -> str:
    number = f"hash({digest})"
    match kind.kind:
        case "varchar":
            word = re.sub(r"[^A-Za-z0-9_]", "", name)[:20] or "value"
            return f"'{word}-' || substr({digest}, 1, 12)"
        case "decimal":
            digits = min(kind.numbers[0] - kind.numbers[1], _MOST_DIGITS)
            return f"CAST({number} % {10**digits} AS {kind.text})"
        case whole if whole in _WHOLE:
            return f"CAST({number} % {_SMALL.get(whole, 1_000_000_000)} AS {kind.text})"
        case instant if instant == "date" or instant.startswith("timestamp"):
            return f"CAST(DATE '1970-01-01' + CAST({number} % {_DAYS} AS INTEGER) AS {kind.text})"
        case "uuid":
            return f"CAST(md5({digest}) AS UUID)"
        case _:
            return f"CAST(NULL AS {kind.text})"


def _names(name: str, kind: ColumnType) -> Sequence[str]:
    """A column's name, and those of all fields in it."""
    inside: Mapping[str, ColumnType] = dict(kind.parts)
    own = kind.kind in {"struct", "union"}
    return [
        name,
        *(each for field, part in inside.items() for each in _names(field if own else "", part)),
    ]
