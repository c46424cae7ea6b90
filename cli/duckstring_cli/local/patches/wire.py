"""A connection costs little before anybody has shown a key.

uvicorn (which serves the emulator): it waits for a head for ever, keeps whatever is sent before its
end, and adds lines after the last chunk of a body to the head. At its end it waits for every open
connection.
AWS: a gateway with limits of its own.
For us: the server listens for everybody on this machine. ``wire.py`` puts limits on uvicorn's
protocol by a class before it; ``server.py`` takes the signals itself.
"""

from __future__ import annotations

from typing import Any

from duckstring_cli.local.patches.declared import Names

NAMES = Names("uvicorn")

_HTTP = "protocols.http.httptools_impl"
_PROTOCOL = NAMES.called(_HTTP, "HttpToolsProtocol", "config server_state app_state")
for _method, _given in {
    "connection_made": "self transport",
    "connection_lost": "self exc",
    "data_received": "self data",
    "on_message_begin": "self",
    "on_header": "self name value",
    "on_headers_complete": "self",
    "on_message_complete": "self",
    "on_response_complete": "self",
}.items():
    NAMES.replaced(_HTTP, f"HttpToolsProtocol.{_method}", _given)
for _method in ("timeout_keep_alive_handler", "_unset_keepalive_if_required"):
    NAMES.called(_HTTP, f"HttpToolsProtocol.{_method}", "self")
for _attribute in (
    "headers",
    "cycle",
    "loop",
    "parser",
    "pipeline",
    "scope",
    "timeout_keep_alive_task",
    "transport",
):
    NAMES.attribute(_HTTP, f"HttpToolsProtocol.{_attribute}")
NAMES.mentioned(_HTTP, "HttpToolsProtocol.on_message_begin", "url")
NAMES.mentioned(_HTTP, "HttpToolsProtocol.on_headers_complete", "pipeline")
for _attribute in ("disconnected", "message_event", "response_complete", "response_started"):
    NAMES.attribute(_HTTP, f"RequestResponseCycle.{_attribute}")
NAMES.replaced("server", "Server.capture_signals", "self")


def protocol() -> Any:  # noqa: ANN401 - uvicorn is typed, and not installed here
    """uvicorn's class of HTTP connections."""
    return _PROTOCOL.read()
