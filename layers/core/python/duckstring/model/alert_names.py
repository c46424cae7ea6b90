"""How the parts of alerts are called in an account."""

from __future__ import annotations

import re

ALERTS = "_alert_"
"""After the name of the bus. No Catchment has an underscore in its name, so the names of one never
begin as those of another.
"""
NAME = re.compile(r"[a-z][a-z0-9-]{0,12}", re.ASCII)
"""An alert's own name. EventBridge takes 64 characters, of which a Catchment's has up to 32."""


def resource_name(bus: str, alert: str) -> str:
    """The name of an alert's rule, connection, destination and topic."""
    return f"{bus}{ALERTS}{alert}"
