from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from duckstring.model.names import Line, artifact_key, pond_of_artifact
from duckstring.model.permits import KEY_BYTES, AttemptName, is_permit, permit, session_name

KEY, OTHER = b"a" * KEY_BYTES, b"b" * KEY_BYTES
ATTEMPT = AttemptName(Line("sales@1"), 12, "load", 3)
NEIGHBOURS = [
    ATTEMPT,
    AttemptName(Line("sales@11"), 2, "load", 3),
    AttemptName(Line("sales@1"), 1, "load", 23),
    AttemptName(Line("sales@1"), 12, "load", 4),
    AttemptName(Line("sales@1"), 12, "join", 3),
    AttemptName(Line("orders@1"), 12, "load", 3),
]


def test_a_permit_is_of_one_attempt_one_purpose_and_one_key():
    made = permit(KEY, ATTEMPT)
    assert permit(KEY, ATTEMPT) == made
    assert is_permit(made, KEY, ATTEMPT)
    assert not is_permit(made, OTHER, ATTEMPT)
    assert not is_permit(made, KEY, ATTEMPT, "on_kill")
    assert not any(is_permit(made, KEY, other) for other in NEIGHBOURS[1:])


@given(st.text(max_size=40))
def test_no_other_text_is_a_permit(text):
    assert is_permit(text, KEY, ATTEMPT) == (text == permit(KEY, ATTEMPT))


def test_attempts_that_look_alike_have_names_and_permits_of_their_own():
    for one, other in combinations(NEIGHBOURS, 2):
        assert session_name(one) != session_name(other)
        assert permit(KEY, one) != permit(KEY, other)


def test_a_sessions_name_begins_with_words_for_people():
    assert session_name(ATTEMPT).startswith("sales@1.12.load.3-")
    long = AttemptName(Line("p" * 48 + "@999999"), 10**9, "r" * 48, 10**8)
    assert len(session_name(long)) == 64


def test_a_package_is_that_of_the_pond_in_its_key():
    artifact = artifact_key("sales", "1.2.0", "ab" * 32)
    assert pond_of_artifact(artifact) == "sales"
