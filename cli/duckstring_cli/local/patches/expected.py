"""The releases that the patches are written for. Standard library only: part of the server."""

from __future__ import annotations

MINISTACK = "1.5.33"

EXPECTED = {"ministack": MINISTACK, "uvicorn": "0.54.0", "uvloop": "0.23.0", "httptools": "0.9.0"}
"""What is installed into the emulator's environment. uvicorn, with the two others, serves the
emulator's application at less than two thirds of what a request costs on its own HTTP server.
"""
