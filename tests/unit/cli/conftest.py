"""Fixtures of the tests of commands."""

from __future__ import annotations

from tests.unit.cli.commands_kit import bench, bucket

__all__ = ["bench", "bucket"]
