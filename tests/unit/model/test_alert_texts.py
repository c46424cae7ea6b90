from __future__ import annotations

import json

from duckstring.model.alert_names import NAME, resource_name
from duckstring.model.alert_texts import texts

HOSTILE = 'a "b" \\ <!channel> & <https://example.com|click>'


def test_each_recipient_gets_the_lines_in_its_own_form():
    found = texts("title", HOSTILE, "", "Type: x")
    assert found["text"] == f"title\n{HOSTILE}\nType: x"
    assert found["slack"]["text"].splitlines()[1] == (
        'a "b" \\ &lt;!channel&gt; &amp; &lt;https://example.com|click&gt;'
    )
    assert found["email"] == {
        "title": "title",
        "what": "a 'b' / <!channel> & <https://example.com|click>",
        "effect": "",
        "todo": "Type: x",
    }


def test_a_mail_is_json_strings_whatever_the_text_is():
    email = texts(HOSTILE, HOSTILE, HOSTILE, HOSTILE)["email"]
    for line in email.values():
        # As EventBridge fills a template in: without any escape.
        assert json.loads(f'"{line}"') == line


def test_no_catchments_alerts_begin_as_those_of_another():
    assert resource_name("duckstring-dev", "slack") == "duckstring-dev_alert_slack"
    assert not resource_name("duckstring-dev-alert", "x").startswith("duckstring-dev_alert_")
    longest = resource_name(f"duckstring-{'a' * 32}", "b" * 13)
    assert len(longest) <= 64
    assert NAME.fullmatch("b" * 13)
    assert not NAME.fullmatch("b" * 14)
