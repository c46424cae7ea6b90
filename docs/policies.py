"""Writes the policies for people into docs/aws.md, from the code that makes them (infra/people.py).

`make docs` runs it, as ``python -m docs.policies``. A test holds the page to the code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from infra.people import CONSISTS_OF, AlertPlaces, Places, Statement, allowed

PAGE = Path(__file__).with_name("aws.md")
BEGIN, END = (
    "<!-- Written by docs/policies.py from the code. Do not edit. -->\n",
    "<!-- end of policies -->\n",
)
_WIDTH = 80
_FUNCTION = "arn:aws:lambda:REGION:ACCOUNT:function:<{}Function>"
_QUEUE = "arn:aws:sqs:REGION:ACCOUNT:<{}>"
_GROUP = "arn:aws:logs:REGION:ACCOUNT:log-group:{}:*"
PLACES = Places(
    stack="arn:aws:cloudformation:REGION:ACCOUNT:stack/Duckstring-NAME/*",
    viewers=_FUNCTION.format("Viewer"),
    operators=_FUNCTION.format("Operator"),
    api=_FUNCTION.format("Api"),
    orchestrator=_FUNCTION.format("Orchestrator"),
    functions=["arn:aws:lambda:REGION:ACCOUNT:function:Duckstring-NAME-*"],
    attempt_logs=[_GROUP.format("<RippleLogs>"), _GROUP.format("<TaskLogs>")],
    logs=[_GROUP.format("Duckstring-NAME-*")],
    table="arn:aws:dynamodb:REGION:ACCOUNT:table/<Table>",
    bucket="arn:aws:s3:::<Bucket>",
    dead=[_QUEUE.format(name) for name in ("DeadLetters", "DeadDelays", "DeadEvents")],
    queues=[_QUEUE.format(name) for name in ("Mailbox", "Delays")],
    cluster="arn:aws:ecs:REGION:ACCOUNT:cluster/<Cluster>",
    alerts=AlertPlaces(
        bus="arn:aws:events:REGION:ACCOUNT:event-bus/<Bus>",
        role="<AlertRole>",
        rules="arn:aws:events:REGION:ACCOUNT:rule/<Bus>/<Bus>_alert_*",
        destinations=[
            "arn:aws:events:REGION:ACCOUNT:connection/<Bus>_alert_*",
            "arn:aws:events:REGION:ACCOUNT:api-destination/<Bus>_alert_*",
        ],
        topics="arn:aws:sns:REGION:ACCOUNT:<Bus>_alert_*",
        secrets="arn:aws:secretsmanager:REGION:ACCOUNT:secret:events!connection/<Bus>_alert_*",
        service_role=(
            "arn:aws:iam::ACCOUNT:role/aws-service-role/apidestinations.events.amazonaws.com/"
            "AWSServiceRoleForAmazonEventBridgeApiDestinations"
        ),
    ),
)


def written() -> str:
    """The part of the page between the marks."""
    parts = allowed(PLACES)
    return "\n".join(_policy(name, parts[name], CONSISTS_OF[name]) for name in parts)


def _policy(name: str, statements: Sequence[Statement], made_of: Sequence[str]) -> str:
    more = [part for part in made_of if part != name]
    also = f" has the statements of {', '.join(more)}, and these" if more else ""
    lines = ['    {"Version": "2012-10-17", "Statement": [']
    for one in statements:
        end = "]}" if one is statements[-1] else ","
        lines += [
            f'      {{"Sid": {json.dumps(one.sid)}, "Effect": "Allow",',
            f'       "Action": {_listed(one.actions)},',
            f'       "Resource": {_listed(one.resources)}{_conditions(one)}}}{end}',
        ]
    return "\n".join([f"**The {name} policy**{also}:", "", *lines, ""])


def _conditions(one: Statement) -> str:
    if not one.equal:
        return ""
    equal = ",\n".join(
        f"         {json.dumps(key)}: {json.dumps(one.equal[key])}" for key in one.equal
    )
    return f',\n       "Condition": {{"StringEquals": {{\n{equal}}}}}'


def _listed(texts: Sequence[str]) -> str:
    """In one line if they are short, otherwise one below the other."""
    line = ", ".join(json.dumps(text) for text in texts)
    if len(line) <= _WIDTH:
        return f"[{line}]"
    return "[\n         " + ",\n         ".join(json.dumps(text) for text in texts) + "]"


def page() -> str:
    """The page as it has to be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{written()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
