from __future__ import annotations

import pytest

from duckstring.model.schema import (
    SCHEMA,
    NewerSchemaError,
    OlderCommandError,
    check_command,
    check_schema,
)


def test_what_a_newer_release_wrote_is_refused_and_nothing_else() -> None:
    check_schema(0, "the state of sales@1")
    check_schema(SCHEMA, "the state of sales@1")
    with pytest.raises(NewerSchemaError) as told:
        check_schema(SCHEMA + 1, "the state of sales@1")
    assert told.value.message == (
        f"This Catchment was upgraded to schema {SCHEMA + 1} (the state of sales@1); this function "
        f"knows {SCHEMA}, and leaves it as it is."
    )


def test_an_older_command_may_look_and_not_change() -> None:
    for known in (SCHEMA, SCHEMA + 1, None, "x"):
        check_command("deploy", known)
    check_command("status", SCHEMA - 1)
    with pytest.raises(OlderCommandError) as told:
        check_command("deploy", SCHEMA - 1)
    assert told.value.message == (
        f"This Catchment was upgraded to schema {SCHEMA}; this command knows {SCHEMA - 1}, and may "
        "only look."
    )
    assert "Upgrade the command" in told.value.hint
