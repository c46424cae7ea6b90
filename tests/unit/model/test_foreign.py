"""Text of others: what is stored is text, what is shown is harmless."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from duckstring.model.foreign import (
    MOST,
    Redactor,
    cut,
    for_terminal,
    harmless_json,
    json_text,
    masked,
    plain,
    readable,
)
from duckstring.model.masks import Masks


class ShyError(Exception):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def __str__(self):
        raise self.error


class Number:
    def __str__(self):
        return 7  # noqa: PLE0307 - that is the case


class Sly(str):
    __slots__ = ()

    def __str__(self):
        raise ValueError

    def isprintable(self):
        return True

    def encode(self, *_):
        raise ValueError


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), SystemExit(3), KeyboardInterrupt(), RecursionError(), GeneratorExit()],
)
def test_an_error_that_has_no_text_is_named(error):
    assert (
        readable(ShyError(error))
        == f"<ShyError: its text cannot be had, for that raised {type(error).__name__}>"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Number(), "<Number: its text cannot be had, for that raised TypeError>"),
        (b"caf\xe9\0", "caf\\xe9\\x00"),
        ("a\udce9b", "a\\xe9b"),
        ("\ud83d alone", "\\ud83d alone"),
        ("\0", "\\x00"),
        (None, "None"),
        ("as it is: \x1b[31m é 漢字\r\n\t😀", "as it is: \x1b[31m é 漢字\r\n\t😀"),
    ],
)
def test_whatever_it_is_it_becomes_text_that_can_be_stored(value, text):
    found = readable(value)
    assert found == text
    assert type(found) is str
    found.encode()


def test_a_subclass_of_str_may_lie_about_itself():
    assert readable(Sly("sly")) == "sly"
    assert for_terminal(readable(Sly("\x1b"))) == "\\x1b"


def test_huge_text_keeps_both_ends():
    found = readable("head" + "x" * 3 * MOST + "tail")
    assert len(found) == MOST
    assert found.startswith("head")
    assert found.endswith("tail")
    assert "2,000,008 characters left out" in found


@pytest.mark.parametrize("most", [0, 1, 5, 40, 100])
def test_a_cut_is_never_longer_than_asked(most):
    assert len(cut("x" * 1000, most)) == most


def test_a_secret_is_not_left_in_part_where_a_text_is_cut():
    masks = Masks({"TOKEN": "s3cr3t-token-0123456789"})
    for room in range(100, 160):
        found = masked("s3cr3t-token-0123456789 " * 200, masks, most=room)
        assert len(found) == room
        assert "s3cr3t" not in found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode, 漢字, 😀, ⚠\ufe0f, a\u00a0b", None),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07\x1b]8;;http://x\x1b\\", "\\x1b]0;title\\x07\\x1b]8;;http://x\\x1b\\"),
        ("\x9b31m \x7f \x08", "\\x9b31m \\x7f \\x08"),
        ("\u202egnp.exe \u2066x\u2069 \u061c", "\\u202egnp.exe \\u2066x\\u2069 \\u061c"),
        ("a\u200bb\u00adc\ufeffd\u3164e\u2800", "a\\u200bb\\xadc\\ufeffd\\u3164e\\u2800"),
        ("\U000e0041\U000e0100", "\\U000e0041\\U000e0100"),
        ("\udcff\ud800\x00", "\\xff\\ud800\\x00"),
        ("one\ntwo\tthree\r\n\rfour\u2028five", "one\\ntwo\\tthree\\r\\n\\rfour\\u2028five"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text, shown):
    assert for_terminal(text) == (text if shown is None else shown)
    assert json.loads(json_text({"text": text})) == {"text": text}
    assert for_terminal(json_text({"text": text})) == json_text({"text": text})


def test_lines_may_stay_lines():
    assert for_terminal("one\r\n\ttwo\x1b\rthree", lines=True) == "one\n\ttwo\\x1b\\rthree"


@pytest.mark.parametrize("before", [MOST // 2 - 30, MOST - 9])
def test_no_cut_leaves_a_part_of_a_secret(before):
    masks = Masks({"TOKEN": "sesame-open-9f8e7d"})
    for one, other in ((before, 2 * MOST), (2 * MOST, before)):
        text = masked("x" * one + "sesame-open-9f8e7d" + "y" * other, masks)
        assert len(text) <= MOST
        assert "sesa" not in text
        assert "8e7d" not in text


def test_a_number_that_is_a_secret_is_masked_as_its_text_is():
    redactor = Redactor()
    redactor.learn(
        {
            "PIN": "48151623424",
            "CODE": "0012345678",
            "RATE": "3.14159265358979",
            "FEW": "1234567",
            "NAME": "abc-def-ghi",
        }
    )
    told = {
        "pin": 48151623424,
        "in": [148151623424, -48151623424],
        "code": 12345678,
        "rate": 3.14159265358979,
        "n": 1234567,
        "x": 0.5,
        "b": True,
    }
    assert redactor.tree(told) == {
        "pin": "***PIN***",
        "in": ["1***PIN***", "-***PIN***"],
        "code": "***CODE***",
        "rate": "***RATE***",
        "n": 1234567,
        "x": 0.5,
        "b": True,
    }
    assert "48151623424" not in redactor.line({48151623424: 48151623424})


class Dict(dict):
    def items(self):
        raise SystemExit("no")


class List(list):
    def __iter__(self):
        raise ValueError("no")


class Endless(Mapping):
    def __getitem__(self, key):
        return 1

    def __iter__(self):
        while True:
            yield "a"

    def __len__(self):
        return 1


class Masked(int):
    def __str__(self):
        raise ValueError("no")

    __repr__ = __str__


class Classless:
    @property
    def __class__(self):
        raise ValueError("no")


ROUND = []
ROUND.extend([ROUND] * 6)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: 10**5000, "<an integer of 16,610 bits>"),
        (lambda: -(10**5000), "<an integer of 16,610 bits>"),
        (lambda: float("nan"), "NaN"),
        (lambda: float("inf"), "Infinity"),
        (lambda: float("-inf"), "-Infinity"),
        (lambda: Dict(a=Dict(b=1)), {"a": {"b": 1}}),
        (lambda: List([1, 2]), [1, 2]),
        (lambda: Masked(7), 7),
        (Endless, {"a": 1}),
        (lambda: ROUND, None),
        (Classless, None),
    ],
)
def test_whatever_a_value_is_its_line_is_written(made, said):
    value = {"it": made()}
    for found in (
        plain(value),
        Redactor().tree(value),
        json.loads(Redactor().line(value), parse_constant=pytest.fail),
    ):
        assert said is None or found == {"it": said}


def test_json_is_json_whatever_is_in_it():
    found = json_text(
        {"n": float("nan"), "deep": [[[{"x": float("-inf")}]]], "text": "\ud800\x9b", 1: 10**5000}
    )
    assert json.loads(found, parse_constant=pytest.fail) == {
        "n": "NaN",
        "deep": [[[{"x": "-Infinity"}]]],
        "text": "\ud800\x9b",
        "1": "<an integer of 16,610 bits>",
    }


def test_json_that_others_have_written_keeps_its_meaning_and_its_lines():
    text = '[\n\t{"a\x7f":"\x9b\u202e\U000e0041é😀"}\n]\n'
    found = harmless_json(text)
    assert found == '[\n\t{"a\\u007f":"\\u009b\\u202e\\udb40\\udc41é😀"}\n]\n'
    assert json.loads(found) == json.loads(text)
