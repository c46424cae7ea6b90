"""A page that says that nothing has happened."""

from __future__ import annotations

from datetime import UTC, datetime

from duckstring.errors import OperatorError
from duckstring.model.alert_texts import texts
from duckstring.model.events import AlertDetail
from duckstring.model.instants import to_text
from duckstring_cli.alerting.store import Alert, AlertStore


def trial(alert: Alert, catchment: str) -> AlertDetail:
    """For one alert, whose rule lets it pass whatever pages it is for."""
    now = to_text(datetime.now(UTC))
    title = f"[{catchment}] Test of the alert {alert.name}"
    words = texts(title, "Nothing has happened.", "", "Type: duckstring alert list")
    return {
        "catchment": catchment,
        "alert": "test",
        "of": "failed",
        "line": "test@1",
        "pond": "test",
        "major": 1,
        "version": "",
        "since": now,
        "blocks": [],
        "blocked": 0,
        "stale": [],
        "concerns": list(alert.wanted.ponds),
        "to": [alert.name],
        "title": words["title"],
        "text": words["text"],
        "email": words["email"],
        "slack": words["slack"],
        "key": f"test:{alert.name}:{now}",
    }


def tried(store: AlertStore, alert: Alert, catchment: str, *, patience: float) -> str:
    """Send a trial by the way of all pages, and wait ``patience`` seconds for one that comes back.

    Returns:
        Why it was not delivered; empty: as far as can be known, it was.

    Raises:
        OperatorError: nothing can be delivered there yet.
    """
    if alert.state.startswith("waits"):
        raise OperatorError(
            f"{alert.to} has not confirmed yet, so SNS would deliver nothing.",
            hint="Its owner has a mail of AWS Notifications with a link.",
        )
    if alert.state != "on":
        raise OperatorError(
            f"The alert {alert.name} sends no pages: {alert.state}.",
            hint=f"Somebody has changed it by hand. Make it anew: duckstring alert rm {alert.name}",
        )
    return store.test(trial(alert, catchment), patience)
