"""Sessions of the role of attempts, from STS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.adapters.aws.session_policy import (
    MOST_CHARACTERS,
    Places,
    SessionPolicy,
    session_policies,
)
from duckstring.model.instants import to_text
from duckstring.model.permits import session_name
from duckstring.vendor.ports import Rights, Session

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import PolicyDescriptorTypeTypeDef

_SHORTEST, _LONGEST = 900, 3600
"""Seconds. AWS gives a role that was assumed from another role an hour at most."""
_SIZES = (MOST_CHARACTERS, 1_400, 1_000)
"""AWS has another limit, of what the policies are when they are packed. It does not say how it
packs, so a smaller size is tried where it refuses one.
"""


class AttemptRole:
    """``vendor.ports.Roles``."""

    def __init__(
        self, clients: Clients, role: str, places: Places, *, policies: Sequence[str] = ()
    ) -> None:
        """Sessions of ``role`` (an ARN). They also have the managed ``policies`` of the user's."""
        self._clients, self._role, self._places = clients, role, places
        self._policies: list[PolicyDescriptorTypeTypeDef] = [{"arn": arn} for arn in policies]

    def sessions(self, rights: Rights, *, seconds: float) -> Sequence[Session]:
        """One session, or several where the policy of one has not room for all Sources."""
        for most in _SIZES[:-1]:
            try:
                return self._sessions(rights, seconds, most)
            except ClientError as error:
                if code_of(error) not in {"PackedPolicyTooLarge", "PackedPolicyTooLargeException"}:
                    raise
        return self._sessions(rights, seconds, _SIZES[-1])

    def _sessions(self, rights: Rights, seconds: float, most: int) -> Sequence[Session]:
        lasts = min(max(round(seconds), _SHORTEST), _LONGEST)
        name = session_name(rights.attempt)
        return [
            self._session(policy, name, lasts)
            for policy in session_policies(rights, self._places, most=most)
        ]

    def _session(self, policy: SessionPolicy, name: str, lasts: int) -> Session:
        given = self._clients.sts.assume_role(
            RoleArn=self._role,
            RoleSessionName=name,
            Policy=policy.text,
            PolicyArns=[] if policy.lines else self._policies,
            DurationSeconds=lasts,
        )["Credentials"]
        return Session(
            given["AccessKeyId"],
            given["SecretAccessKey"],
            given["SessionToken"],
            to_text(given["Expiration"]),
            policy.lines,
        )
