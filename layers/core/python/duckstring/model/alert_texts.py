"""The texts of an alert, for each kind of recipient. None takes what others wrote for markup."""

from __future__ import annotations

from typing import TypedDict

from duckstring.model.events import EmailPart, SlackPart


class Texts(TypedDict):
    """A page in the words of each kind of recipient."""

    title: str
    text: str
    email: EmailPart
    slack: SlackPart


def texts(title: str, what: str, effect: str, todo: str) -> Texts:
    """The texts of a page, from its four lines; what is empty is left out."""
    text = "\n".join(filter(None, (title, what, effect, todo)))
    return {
        "title": title,
        "text": text,
        "email": {
            "title": _quoteless(title),
            "what": _quoteless(what),
            "effect": _quoteless(effect),
            "todo": _quoteless(todo),
        },
        "slack": {"text": _for_slack(text)},
    }


def _for_slack(text: str) -> str:
    """Slack's own escapes: without them ``<!channel>`` in an error would call everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoteless(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")
