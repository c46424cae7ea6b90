"""The alerts of one Catchment, as AWS has them: there is no other record of them.

This uses the user's own credentials: who may say where pages go is decided by IAM.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from botocore.exceptions import ClientError

from duckstring.errors import OperatorError, nearest
from duckstring.model.alert_names import ALERTS, resource_name
from duckstring.model.events import ALERT_TYPE, SOURCE, AlertDetail
from duckstring_cli import catchments
from duckstring_cli.alerting.recipients import (
    Recipient,
    Wanted,
    read_pattern,
    with_input,
)
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import BadInputError, aws_code

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import RetryPolicyTypeDef, RuleTypeDef, TargetTypeDef
    from mypy_boto3_sqs import SQSClient

_TARGET = "page"
_RETRIES: RetryPolicyTypeDef = {"MaximumEventAgeInSeconds": 3_600, "MaximumRetryAttempts": 60}
"""An hour: a page that comes later is about something else by then."""
_A_SECOND = 10
_GONE = {"ResourceNotFoundException", "NotFound", "NotFoundException"}
_THERE = {"ResourceAlreadyExistsException"}
_PEEK_SECONDS = 5
_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. ``to``: a host or an address. ``state``: ``on``; of a mailbox also ``waits for its
    owner to confirm``.
    """

    name: str
    kind: str
    to: str
    wanted: Wanted
    state: str = "on"

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "name": self.name,
            "kind": self.kind,
            "to": self.to,
            "on": list(self.wanted.on),
            "ponds": list(self.wanted.ponds),
            "state": self.state,
        }


class NoAlertError(BadInputError):
    """There is no such alert."""

    def __init__(self, name: str, *, known: list[str]) -> None:
        super().__init__(
            f"No alert {name[:60]!r}; there {'is' if len(known) == 1 else 'are'} "
            f"{', '.join(known) or 'none'}.{nearest(name, known, ' Did you mean {}?')}",
        )


class _Topic(TypedDict):
    TopicArn: str


class _Subscription(TypedDict):
    SubscriptionArn: str
    Endpoint: str


class _Subscriptions(TypedDict):
    Subscriptions: list[_Subscription]


class Topics(Protocol):
    """The part of SNS's client that mailboxes need."""

    def create_topic(self, *, Name: str) -> _Topic:  # noqa: N803 - SNS's own names
        """Make a topic, or find it."""

    def set_topic_attributes(
        self,
        *,
        TopicArn: str,  # noqa: N803
        AttributeName: str,  # noqa: N803
        AttributeValue: str,  # noqa: N803
    ) -> object:
        """Set one of its attributes."""

    def subscribe(self, *, TopicArn: str, Protocol: str, Endpoint: str) -> object:  # noqa: N803
        """Ask the owner of an address to confirm."""

    def list_subscriptions_by_topic(self, *, TopicArn: str) -> _Subscriptions:  # noqa: N803
        """Who gets its messages."""

    def delete_topic(self, *, TopicArn: str) -> object:  # noqa: N803
        """Delete it, with its subscriptions."""


class AlertStore:
    """The alerts of one Catchment."""

    def __init__(
        self, catchment: Catchment, outputs: Mapping[str, str], client: Callable[[str], Any]
    ) -> None:
        """``client`` gives a service's client."""
        self._catchment, self._outputs, self._client = catchment, outputs, client

    @classmethod
    def of(cls, catchment: Catchment) -> AlertStore:
        """Find it by the stack's outputs.

        Raises:
            OperatorError: the Catchment cannot be reached, or is of an older release.
        """
        with translated_errors(catchment):
            names = ("Bus", "AlertRole", "DeadEvents")
            outputs = {name: catchments.output(catchment, name) or "" for name in names}
            if not outputs["AlertRole"]:
                again = (
                    f"Start it again: duckstring catchment start {catchment.name}"
                    if catchment.kind == "local"
                    else "Deploy the Catchment again with this release."
                )
                raise OperatorError(
                    f"The stack {catchment.stack} has no output AlertRole: it is older than this "
                    "command.",
                    hint=again,
                )
            return cls(catchment, outputs, cache(catchments.session(catchment).client))

    @property
    def is_local(self) -> bool:
        """Whether the Catchment is on this machine."""
        return self._catchment.kind == "local"

    def all(self) -> list[Alert]:
        """All alerts, by name."""
        with self._told():
            return sorted((self._read(rule) for rule in self._rules()), key=lambda one: one.name)

    def names(self) -> list[str]:
        """Their names, at the cost of one request."""
        with self._told():
            return sorted(self._name(rule) for rule in self._rules())

    def find(self, name: str) -> Alert:
        """The alert of that name.

        Raises:
            NoAlertError: there is none.
        """
        with self._told():
            rules = {self._name(rule): rule for rule in self._rules()}
            if name not in rules:
                raise NoAlertError(name, known=sorted(rules))
            return self._read(rules[name])

    def add(self, name: str, recipient: Recipient, wanted: Wanted) -> None:
        """Make an alert. What a former try has left is taken up; where this one fails, what it has
        made is deleted.
        """
        with self._told():
            try:
                self._make(name, recipient, wanted)
            except BaseException:
                with suppress(ClientError):
                    self._delete(name)
                raise

    def remove(self, name: str) -> None:
        """Delete an alert: nothing comes after it."""
        with self._told():
            self._delete(name)

    def test(self, detail: AlertDetail, patience: float) -> str:
        """Send a page by the way of all pages, to this alert alone. Waits ``patience`` seconds for
        one that comes back.

        Returns:
            Why it was not delivered; empty: as far as can be known, it was.
        """
        with self._told():
            answer = self._events.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": ALERT_TYPE,
                        "Detail": json.dumps(detail),
                        "EventBusName": self._bus,
                    }
                ]
            )
            if answer.get("FailedEntryCount"):
                raise OperatorError(
                    f"EventBridge did not take the page: {answer['Entries'][0].get('ErrorMessage')}"
                )
            limit = time.monotonic() + patience
            while time.monotonic() < limit:
                time.sleep(_LOOK)
                if found := self._came_back(str(detail["key"])):
                    return found
        return ""

    # one alert

    def _make(self, name: str, recipient: Recipient, wanted: Wanted) -> None:
        resource = resource_name(self._bus, name)
        rule = self._events.put_rule(
            Name=resource,
            EventBusName=self._bus,
            EventPattern=wanted.pattern(name),
            State="ENABLED",
            Description=f"duckstring alert: {recipient.kind} {recipient.shown}"[:512],
        )["RuleArn"]
        target: TargetTypeDef = {
            "Id": _TARGET,
            "Arn": "",
            "RetryPolicy": _RETRIES,
            "DeadLetterConfig": {"Arn": self._dead_arn()},
        }
        if recipient.kind == "email":
            target["Arn"] = self._topic(resource, recipient, rule)
        else:
            target["Arn"] = self._destination(resource, recipient)
            target["RoleArn"] = self._outputs["AlertRole"]
        answer = self._events.put_targets(
            Rule=resource, EventBusName=self._bus, Targets=[with_input(target, recipient.kind)]
        )
        if answer.get("FailedEntryCount"):
            why = answer["FailedEntries"][0].get("ErrorMessage")
            raise OperatorError(f"EventBridge did not take the alert's target: {why}")

    def _destination(self, resource: str, recipient: Recipient) -> str:
        # A connection has to authenticate somehow; without a header of the user's it says whose
        # page this is, which is no secret.
        key = {
            "ApiKeyName": recipient.header or "X-Duckstring-Catchment",
            "ApiKeyValue": recipient.value or self._catchment.name,
        }
        connection = {
            "Name": resource,
            "AuthorizationType": "API_KEY",
            "AuthParameters": {"ApiKeyAuthParameters": key},
        }
        events = self._events
        arn = _made(events.create_connection, events.update_connection, connection)["ConnectionArn"]
        destination = {
            "Name": resource,
            "ConnectionArn": arn,
            "InvocationEndpoint": recipient.address,
            "HttpMethod": "POST",
            "InvocationRateLimitPerSecond": _A_SECOND,
        }
        made = _made(events.create_api_destination, events.update_api_destination, destination)
        return str(made["ApiDestinationArn"])

    def _topic(self, resource: str, recipient: Recipient, rule: str) -> str:
        arn = self._sns.create_topic(Name=resource)["TopicArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        self._sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=recipient.address)
        return arn

    def _delete(self, name: str) -> None:
        """The target first, so that nothing is sent to what is half gone. The rule last: as long as
        it is there, the alert is listed, and this can be repeated.
        """
        resource = resource_name(self._bus, name)
        _or_gone(
            lambda: self._events.remove_targets(
                Rule=resource, EventBusName=self._bus, Ids=[_TARGET]
            )
        )
        _or_gone(lambda: self._events.delete_api_destination(Name=resource))
        _or_gone(lambda: self._events.delete_connection(Name=resource))
        _or_gone(lambda: self._sns.delete_topic(TopicArn=self._topic_arn(resource)))
        _or_gone(lambda: self._events.delete_rule(Name=resource, EventBusName=self._bus))

    def _topic_arn(self, resource: str) -> str:
        """Of the topic that an alert has if it is a mailbox: known also without its target."""
        partition, account = (self._outputs["AlertRole"].split(":")[at] for at in (1, 4))
        return f"arn:{partition}:sns:{self._events.meta.region_name}:{account}:{resource}"

    # what there is

    def _rules(self) -> Iterator[RuleTypeDef]:
        prefix = f"{self._bus}{ALERTS}"
        page = self._events.list_rules(EventBusName=self._bus, NamePrefix=prefix)
        yield from page["Rules"]
        while token := page.get("NextToken"):
            page = self._events.list_rules(
                EventBusName=self._bus, NamePrefix=prefix, NextToken=token
            )
            yield from page["Rules"]

    def _read(self, rule: RuleTypeDef) -> Alert:
        _, _, said = rule.get("Description", "").partition(": ")
        kind, _, to = said.partition(" ")
        state = "on" if rule.get("State") == "ENABLED" else "disabled"
        topics = [arn for arn in self._targets(rule["Name"]) if ":sns:" in arn]
        if topics:
            kind = "email"
            to, state = self._mailbox(topics[0], state)
        wanted = read_pattern(rule.get("EventPattern", ""))
        return Alert(self._name(rule), kind or "?", to or "?", wanted, state)

    def _mailbox(self, topic: str, state: str) -> tuple[str, str]:
        found = self._sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        if not found:
            return "?", "nobody has subscribed"
        waits = found[0]["SubscriptionArn"] == "PendingConfirmation"
        return found[0]["Endpoint"], "waits for its owner to confirm" if waits else state

    def _targets(self, resource: str) -> list[str]:
        try:
            found = self._events.list_targets_by_rule(Rule=resource, EventBusName=self._bus)
        except ClientError as error:
            if aws_code(error) not in _GONE:
                raise
            return []
        return [one["Arn"] for one in found["Targets"]]

    def _name(self, rule: RuleTypeDef) -> str:
        return str(rule["Name"]).removeprefix(f"{self._bus}{ALERTS}")

    def _came_back(self, key: str) -> str:
        """The error of a page in the dead-letter queue. It is taken out: it was a test."""
        url = self._outputs["DeadEvents"]
        found = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_PEEK_SECONDS,
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        error = ""
        for message in found:
            receipt = message["ReceiptHandle"]
            if json.dumps(key)[1:-1] in message["Body"]:
                said = message.get("MessageAttributes", {}).get("ERROR_MESSAGE")
                why = said.get("StringValue") if said else None
                error = why or "EventBridge does not say why."
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)
            else:
                self._sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0
                )
        return error

    def _dead_arn(self) -> str:
        """EventBridge wants an ARN, the outputs have a URL."""
        account, name = self._outputs["DeadEvents"].rsplit("/", 2)[1:]
        partition, region = self._outputs["AlertRole"].split(":")[1], self._events.meta.region_name
        return f"arn:{partition}:sqs:{region}:{account}:{name}"

    @property
    def _bus(self) -> str:
        return self._outputs["Bus"]

    @property
    def _events(self) -> EventBridgeClient:
        events: EventBridgeClient = self._client("events")
        return events

    @property
    def _sns(self) -> Topics:
        topics: Topics = self._client("sns")
        return topics

    @property
    def _sqs(self) -> SQSClient:
        queues: SQSClient = self._client("sqs")
        return queues

    def _told(self) -> AbstractContextManager[None]:
        return translated_errors(self._catchment)


def _made(
    create: Callable[..., Mapping[str, Any]],
    update: Callable[..., Mapping[str, Any]],
    given: Mapping[str, Any],
) -> Mapping[str, Any]:
    """What a former try has left is brought up to date."""
    try:
        return create(**given)
    except ClientError as error:
        if aws_code(error) not in _THERE:
            raise
    return update(**given)


def _or_gone(call: Callable[[], object]) -> None:
    try:
        call()
    except ClientError as error:
        if aws_code(error) not in _GONE:
            raise
