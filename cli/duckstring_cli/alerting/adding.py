"""A new alert: everything about it is checked before anything is made."""

from __future__ import annotations

from duckstring_cli.alerting.recipients import (
    Recipient,
    Wanted,
    check_email,
    check_pattern,
    check_url,
    new_name,
)
from duckstring_cli.alerting.store import AlertStore


def add(store: AlertStore, recipient: Recipient, wanted: Wanted, name: str | None) -> str:
    """Make an alert.

    Returns:
        Its name: the one that is given, or the kind and a number.

    Raises:
        BadInputError: something is wrong with the address, the name or the Ponds.
    """
    if recipient.kind == "email":
        check_email(recipient.address)
    else:
        check_url(recipient.address, is_local=store.is_local)
    chosen = new_name(name, recipient.kind, store.names())
    check_pattern(wanted.pattern(chosen), wanted.ponds)
    store.add(chosen, recipient, wanted)
    return chosen
