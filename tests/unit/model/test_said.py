"""Who said what: one short line each, whatever it was."""

from __future__ import annotations

import pytest

from duckstring.model.audits import claimed, is_arn, short
from duckstring.model.callers import HEADER, digest, headers_of, is_sts
from duckstring.model.instants import NEVER
from duckstring.model.said import NOBODY, Said, bounded, one_line
from duckstring.model.tags import TagError, check_key, check_value, holds, parse, selection


def test_what_is_kept_of_a_word_is_one_line_that_can_be_stored():
    assert bounded(NOBODY) is NOBODY
    kept = bounded(Said(NEVER, "a\nb\x00", "x" * 9_000))
    assert "\n" not in kept.by
    assert "\x00" not in kept.by
    assert len(kept.note) == 600
    assert one_line("  a \t b\n", 10) == "a b"


def test_a_claim_never_looks_like_an_arn():
    arn = "arn:aws:iam::123456789012:user/alice"
    assert is_arn(arn)
    assert not is_arn(claimed(arn, "laptop"))
    assert claimed("", "") == ""
    assert claimed("al@ice", "lap\ntop") == "al_ice@lap_top"
    assert short(arn) == "user/alice"
    assert short("alice@laptop") == "alice@laptop"


@pytest.mark.parametrize(
    ("text", "tag"), [("team=sales", ("team", "sales")), ("a_b-1=x.y", ("a_b-1", "x.y")),
                      ("team=", ("team", ""))],
)  # fmt: skip
def test_a_tag_is_a_key_and_a_value(text, tag):
    assert parse(text) == tag


@pytest.mark.parametrize("text", ["team", "Team=x", "=x", "team=A", "team=a b", "t" * 33 + "=x"])
def test_what_is_no_tag_is_refused(text):
    with pytest.raises(TagError, match="tag"):
        parse(text)


def test_keys_values_and_selections_are_checked():
    check_key("team")
    check_value("sales")
    assert selection(["a=1", "b=2", "a=1"]) == {"a": "1", "b": "2"}
    assert selection([]) == {}
    assert holds({"a": "1", "b": "2"}, {"b": "2"})
    assert not holds({}, {"b": "2"})
    for texts in (["a="], ["a=1", "a=2"]):
        with pytest.raises(TagError):
            selection(texts)


SIGNED = f"host;x-amz-date;{HEADER}"
PROOF = {
    "authorization": "AWS4-HMAC-SHA256 Credential=AKID/20300101/us-east-1/sts/aws4_request, "
    f"SignedHeaders={SIGNED}, Signature={'0' * 64}",
    "date": "20300101T120000Z",
}


def test_a_digest_is_of_the_request_and_the_catchment_and_not_of_what_sends_it():
    request = {"op": "control", "pond": "sales"}
    assert digest(request, "b") == digest({"pond": "sales", "op": "control"}, "b")
    assert digest(request, "b") == digest({**request, "caller": {}, "schema": 6}, "b")
    assert digest(request, "b") != digest(request, "c")
    assert digest(request, "b") != digest({**request, "note": "x"}, "b")


def test_the_headers_of_a_proof_are_those_that_it_signs():
    found = headers_of(PROOF, "sts.amazonaws.com", "digest")
    assert found is not None
    assert (found["host"], found[HEADER]) == ("sts.amazonaws.com", "digest")
    assert "x-amz-security-token" not in found
    with_token = headers_of({**PROOF, "token": "abc="}, "sts.amazonaws.com", "digest")
    assert with_token is not None
    assert with_token["x-amz-security-token"] == "abc="


@pytest.mark.parametrize(
    "wrong",
    [
        {"authorization": "Basic x"},
        {"authorization": str(PROOF["authorization"]).replace(f";{HEADER}", "")},
        {"date": "today"},
        {"token": "a\nb"},
    ],
)
def test_a_proof_of_another_form_has_none(wrong):
    assert headers_of({**PROOF, **wrong}, "sts.amazonaws.com", "digest") is None


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("sts.amazonaws.com", True),
        ("sts.eu-central-1.amazonaws.com", True),
        ("sts-fips.us-east-1.amazonaws.com", True),
        ("sts.cn-north-1.amazonaws.com.cn", True),
        ("sts.amazonaws.com.evil.example", False),
        ("evil.example", False),
        ("sts.a.b.amazonaws.com", False),
        ("s3.amazonaws.com", False),
        ("", False),
    ],
)
def test_only_sts_is_asked(host, is_one):
    assert is_sts(host) == is_one
