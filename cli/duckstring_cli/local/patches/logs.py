"""Logs are read to their end, page after page.

Emulator: ``FilterLogEvents`` answers with the first 10,000 lines, and does not say that there are
more.
AWS: an answer has a ``nextToken`` until there are no more lines.
For us: ``duckstring logs`` of a long run would leave out its end without a word.
"""

from __future__ import annotations

from collections.abc import Mapping

from duckstring_cli.local.logs import page, read_token
from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_FILTER = NAMES.replaced("services.cloudwatch_logs", "_filter_log_events", "data")
_GROUPS = NAMES.value("services.cloudwatch_logs", "_log_groups", "AccountRegionScopedDict")
_LOCK = NAMES.value("services.cloudwatch_logs", "_log_events_lock", "lock")
_GROUP_NAME = NAMES.called("services.cloudwatch_logs", "_resolve_log_group_name", "data")
_COMPILE = NAMES.called("services.cloudwatch_logs", "_compile_filter_pattern", "raw")
_ANSWER = NAMES.called("services.cloudwatch_logs", "json_response", "data")
_ERROR = NAMES.called("services.cloudwatch_logs", "error_response_json", "code message status")


def page_logs() -> None:
    """Have ``FilterLogEvents`` go on where its page ended, by ``nextToken``."""
    first_page = _FILTER.read()

    def filter_log_events(data: Mapping[str, Foreign]) -> Foreign:
        group = _GROUPS.read().get(_GROUP_NAME.read()(data))
        if group is None:
            return first_page(data)
        try:
            at = read_token(data.get("nextToken", ""))
        except ValueError:
            return _ERROR.read()(
                "InvalidParameterException", "The specified nextToken is invalid.", 400
            )
        fits = _COMPILE.read()(data.get("filterPattern", ""))
        with _LOCK.read():
            named = data.get("logStreamNames") or list(group["streams"])
            streams = {
                name: group["streams"][name]["events"] for name in named if name in group["streams"]
            }
            found, token = page(streams, fits, data, at)
        return _ANSWER.read()(
            {"events": found, "searchedLogStreams": [], **({"nextToken": token} if token else {})}
        )

    _FILTER.replace(filter_log_events)
