"""Functions and tasks may do what their roles allow, and nothing else (``catchment init --iam``).

Emulator: it evaluates policies if it is told so, with differences. It checks batches of SQS as
actions of their own. It knows neither the partition that a request to DynamoDB is about, nor the
attributes except of a projection, nor the cluster of a task, nor the group of a schedule, nor
whether a name of Glue is a database's or a table's, nor the machine of a token. It does not ask
who gives a role to Scheduler. ``Ref`` of a secret is its name. It reads and computes each
signature, which the guard has done before. It refuses by policies that demand TLS.
AWS: policies are about all of this.
For us: a right that a role lacks is seen here, and not first in an account. Where AWS has what the
emulator lacks (``policies.py``), an attack on another Pond's items is refused here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from duckstring_cli.local import policies
from duckstring_cli.local.patches.declared import Foreign, Names
from duckstring_cli.local.policies import PASSED, Facts, Requests

NAMES = Names()

_ACTIONS, _EVALUATOR = "core.iam_actions", "core.iam_evaluator"
_ACTION = NAMES.replaced(
    _ACTIONS, "extract_iam_action", "service method path headers body query_params"
)
_RESOURCE = NAMES.replaced(
    _ACTIONS,
    "extract_resource_arn",
    "service method path headers body query_params region account_id",
)
_OF_ITEM = NAMES.replaced(_ACTIONS, "dynamodb_service_context", "body")
_OF_ITEMS = NAMES.replaced(
    _ACTIONS, "dynamodb_transaction_checks", "iam_action body region account_id"
)
_TAGS = NAMES.replaced(_ACTIONS, "request_tag_context", "service iam_action body params")
_ENFORCE = NAMES.replaced(
    _EVALUATOR,
    "enforce",
    "access_key_id iam_action service region resource_arn service_context",
)
_PARSE = NAMES.replaced(_EVALUATOR, "parse_policy_document", "doc")
_CREDENTIAL = NAMES.called(_EVALUATOR, "resolve_credential", "access_key_id")
_PRINCIPAL = NAMES.attribute(_EVALUATOR, "ResolvedCredential.principal_arn")
_ORIGIN = NAMES.replaced("app", "pin_request_origin", "source_ip secure_transport")
_SIGNED = NAMES.replaced(
    "app", "pin_signed_request", "method raw_path query_params raw_headers handshake"
)
# Loading it starts a thread, and nothing may start before the names are compared.
_TABLES = NAMES.unloaded("services.dynamodb", "_tables")
_MACHINES = NAMES.value("services.stepfunctions", "_state_machines", "AccountRegionScopedDict")

_TRANSACTION = "dynamodb:EnclosingOperation"
_items: ContextVar[list[Facts]] = ContextVar("items")
"""Of the transaction that is checked: the facts of the items that are still to be checked."""


def enforce_roles(requests: Requests | None) -> None:
    """Have the emulator see requests as AWS does. ``requests`` gets a note of each kind."""
    action, resource = _ACTION.read(), _RESOURCE.read()
    _ACTION.replace(lambda *given: policies.action_of(action(*given)))
    _RESOURCE.replace(lambda *given: _resource(resource, action, *given))
    _supply_facts()
    _ENFORCE.replace(_enforcement(requests))
    _PARSE.replace(_parsed_once(_PARSE.read()))
    origin = _ORIGIN.read()
    # The guard lets in this machine only; what comes from it counts as TLS.
    _ORIGIN.replace(lambda address, _secure: origin(address, secure_transport=True))
    # The guard has checked it.
    _SIGNED.replace(lambda *_given: None)


def _parsed_once(parse: Foreign) -> Foreign:
    """Each request asks for the same few policies."""
    kept = lru_cache(1024)(parse)
    return lambda doc: kept(doc) if isinstance(doc, str) else parse(doc)


def _resource(resource: Foreign, action: Foreign, *given: Foreign) -> str:
    service, method, path, headers, body, query, _, _ = given
    found = str(resource(*given))
    if service not in {"ecs", "glue", "scheduler"}:
        return found
    asked = action(service, method, path, headers, body, query) or ""
    return policies.resource_of(asked, found, path, body, query)


def _supply_facts() -> None:
    tags, of_item, of_items = _TAGS.read(), _OF_ITEM.read(), _OF_ITEMS.read()

    def with_facts(service: str, action: str, body: bytes, params: Foreign) -> Facts:
        return {**tags(service, action, body, params), **policies.facts_of(service, body)}

    def of_request(body: bytes) -> Facts:
        return {**of_item(body), **_facts(policies.request_of(body))}

    def of_transaction(action: str, body: bytes, region: str, account: str) -> Foreign:
        checks = of_items(action, body, region, account)
        _items.set([_facts(item) for item in policies.items_of(body)] if checks else [])
        return checks

    _TAGS.replace(with_facts)
    _OF_ITEM.replace(of_request)
    _OF_ITEMS.replace(of_transaction)


def _facts(data: Mapping[str, Any]) -> Facts:
    name = data.get("TableName") or next(iter(data.get("RequestItems") or ()), "")
    table = _TABLES.read().get(str(name).rsplit("/", 1)[-1]) or {}
    partition = table.get("pk_name", "")
    for index in table.get("GlobalSecondaryIndexes") or ():
        if index["IndexName"] == data.get("IndexName"):
            partition = next(
                key["AttributeName"] for key in index["KeySchema"] if key["KeyType"] == "HASH"
            )
    return policies.facts_of_item(data, partition)


def _enforcement(requests: Requests | None) -> Foreign:
    emulators = _ENFORCE.read()

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Facts | None = None,
    ) -> Foreign:
        facts = dict(service_context or {})
        if _TRANSACTION in facts and (left := _items.get([])):
            facts |= left.pop(0)
        passed = facts.pop(PASSED, None)

        def ask(action: str, service: str, resources: list[str], facts: Facts) -> Foreign:
            refused = None
            for one in resources:
                refused = emulators(
                    access_key_id, action, service, region, resource_arn=one, service_context=facts
                )
                if not refused:
                    break
            if requests:
                _note(requests, access_key_id, action, resources[0], facts, allowed=not refused)
            return refused

        refused = ask(iam_action, service, _named(iam_action, resource_arn), facts)
        if passed and not refused:
            to = {"iam:PassedToService": f"{service}.amazonaws.com"}
            return ask("iam:PassRole", "iam", [passed], to)
        return refused

    return enforce


def _named(action: str, resource: str) -> list[str]:
    """What policies may call a resource; the first is what AWS calls it."""
    if action.startswith("states:SendTask"):
        # The emulator does not know whose token it is.
        return list(_MACHINES.read()) or [resource]
    return list(policies.names_of_secret(resource))


def _note(
    requests: Requests, key_id: str, action: str, resource: str, facts: Facts, *, allowed: bool
) -> None:
    arn = str(_PRINCIPAL.of(_CREDENTIAL.read()(key_id), ""))
    if ":assumed-role/" in arn:
        told = {
            key: value for key, value in facts.items() if key.partition(":")[0] in _TOLD and value
        }
        told.pop("dynamodb:Select", None)
        requests.note(arn.split("/")[1], action, resource, told, allowed=allowed)


_TOLD = ("dynamodb", "ecs", "iam", "s3")
"""The services whose condition keys the template's policies have."""
