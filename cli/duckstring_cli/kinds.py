"""What ``pond init`` and ``pond demo`` can write."""

from __future__ import annotations

from typing import Literal, get_args

DemoKind = Literal["flights", "external", "tpch"]
TemplateName = Literal["python", "inlet", "sql", "incremental", "proxy", "outlet"]
DUCKDBS_OWN = frozenset({"main", "memory", "temp", "system", "information_schema", "pg_catalog"})
"""Schemas that a statement finds before a Source of that name."""
TEMPLATES: tuple[TemplateName, ...] = get_args(TemplateName)
