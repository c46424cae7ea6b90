"""An alarm looks at its own metric, period by period.

Emulator: an alarm takes all metrics of its name, whatever their dimensions, and all its periods as
one. Without data it does nothing, and who asks for its state is told the last one.
AWS: an alarm has one metric. Each of its last periods is compared, and one without data counts as
the alarm says. States follow within a minute or so.
For us: an alarm about one function or queue would ring for any other, one failure would do where
three in a row are meant, and the alarm about a sweep that does not run would never ring.
"""

from __future__ import annotations

import time

from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_EVALUATE = NAMES.replaced("services.cloudwatch", "_evaluate_alarm", "alarm")
_DESCRIBE = NAMES.replaced(
    "services.cloudwatch", "_describe_alarms", "params cbor_data is_cbor is_json"
)
_EVALUATE_ALL = NAMES.called("services.cloudwatch", "_evaluate_all_alarms")
_METRICS = NAMES.value("services.cloudwatch", "_metrics", "AccountRegionScopedDict")
_DIMENSIONS = NAMES.called("services.cloudwatch", "_dims_from_list", "dimensions")
_KEY = NAMES.called("services.cloudwatch", "_dims_key", "dims")
_STATISTICS = NAMES.called("services.cloudwatch", "_calc_stats", "points")
_STATISTIC = NAMES.called("services.cloudwatch", "_stat_value", "stats stat_name points")
_RECORD = NAMES.called(
    "services.cloudwatch", "_record_history", "alarm_name old_state new_state reason"
)
_TELL = NAMES.called(
    "services.cloudwatch", "_dispatch_alarm_actions", "alarm old_state new_state reason"
)
_TELL_PARENTS = NAMES.called("services.cloudwatch", "_evaluate_parent_alarms", "child")
NAMES.mentioned("services.cloudwatch", "_evaluate_all_alarms", "_evaluate_alarm")

_COMPARED = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def judge_alarms() -> None:
    """Have each alarm judged by its own metric, whenever somebody asks."""
    evaluate, describe = _EVALUATE.read(), _DESCRIBE.read()

    def evaluate_alarm(alarm: Foreign) -> None:
        if alarm.get("ComparisonOperator") not in _COMPARED or not alarm.get("MetricName"):
            evaluate(alarm)
            return
        _move(alarm, _state_of(alarm, time.time()))

    def describe_alarms(
        params: Foreign, cbor_data: Foreign, is_cbor: Foreign, is_json: Foreign = False
    ) -> Foreign:
        _EVALUATE_ALL.read()()
        return describe(params, cbor_data, is_cbor, is_json)

    _EVALUATE.replace(evaluate_alarm)
    _DESCRIBE.replace(describe_alarms)


def _state_of(alarm: Foreign, now: float) -> str:
    key = _KEY.read()(_DIMENSIONS.read()(alarm.get("Dimensions") or []))
    points = _METRICS.read().get((alarm["Namespace"], alarm["MetricName"], key)) or []
    period, periods = alarm["Period"], alarm["EvaluationPeriods"]
    is_breach = [
        _is_breach(alarm, points, now - period * (back + 1), now - period * back)
        for back in range(periods)
    ]
    if all(one is None for one in is_breach):
        without = {"breaching": "ALARM", "notBreaching": "OK", "ignore": str(alarm["StateValue"])}
        return without.get(alarm["TreatMissingData"], "INSUFFICIENT_DATA")
    if alarm["TreatMissingData"] == "breaching":
        is_breach = [one is not False for one in is_breach]
    needed = alarm.get("DatapointsToAlarm") or periods
    return "ALARM" if sum(one is True for one in is_breach) >= needed else "OK"


def _is_breach(alarm: Foreign, points: Foreign, after: float, until: float) -> bool | None:
    """Whether one period is; None: it has no data."""
    held = [one for one in points if after < one["Timestamp"] <= until]
    if not (statistics := _STATISTICS.read()(held)):
        return None
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
    value = _STATISTIC.read()(statistics, name, held)
    return (
        None if value is None else _COMPARED[alarm["ComparisonOperator"]](value, alarm["Threshold"])
    )


def _move(alarm: Foreign, state: str) -> None:
    before = alarm["StateValue"]
    if state == before:
        return
    reason = f"{alarm['MetricName']} {alarm['ComparisonOperator']} {alarm['Threshold']}: {state}"
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    _RECORD.read()(alarm["AlarmName"], before, state, reason)
    _TELL.read()(alarm, before, state, reason)
    _TELL_PARENTS.read()(alarm)
