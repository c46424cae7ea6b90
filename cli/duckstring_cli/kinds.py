"""What ``pond init`` and ``pond demo`` can write."""

from __future__ import annotations

from typing import Literal, get_args

DemoKind = Literal["flights", "external"]
TemplateName = Literal["python", "inlet", "sql", "incremental", "proxy", "outlet"]
TEMPLATES: tuple[TemplateName, ...] = get_args(TemplateName)
