"""The stores of a Catchment: a table, a bucket and a secret, each made here or attached.

A store that is attached (``-c table=``, ``-c bucket=``, ``-c secret=``) is used as it is.
CloudFormation sets nothing on it, so ``duckstring catchment protect`` does, and ``duckstring
doctor`` says what is missing.
"""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from duckstring.model.iceberg import FOLDER as ICEBERG
from duckstring.model.lake import FOLDER
from infra.accepted import accept
from infra.config import Attached
from infra.resources import resource_of

INDEX = "gsi1"
REST_INDEX, REST_WORD = "gsi2", "unrest"
"""Of lines that are not at rest: keys, and one word (``adapters/aws/rest_index.py``)."""
TABLES = ("data/*.parquet", "data/*/*/*/*")
"""The objects of tables. Below a location (``pond.location``) engines give them names of their
own.
"""
_UNDELETABLE = Duration.days(30)
"""How long a deleted object can come back: about as long as the table can (35 days)."""


class Storage(Construct):
    """The table, the bucket and the secret. All outlive the stack unless it is ``ephemeral``.

    An ephemeral Catchment has no versions: the emulator would keep them for good, and nobody wants
    it back.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        attached: Attached,
        ephemeral: bool,
        history_days: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._ephemeral, self._scope, self._history_days = ephemeral, scope, history_days
        self._removal = RemovalPolicy.DESTROY if ephemeral else RemovalPolicy.RETAIN
        self.table: dynamodb.ITable = (
            dynamodb.Table.from_table_attributes(
                self, "Table", table_name=attached.table, global_indexes=[INDEX, REST_INDEX]
            )
            if attached.table
            else self._new_table()
        )
        self.bucket: s3.IBucket = (
            s3.Bucket.from_bucket_name(self, "Bucket", attached.bucket)
            if attached.bucket
            else self._new_bucket()
        )
        self.secret: secretsmanager.ISecret = (
            secretsmanager.Secret.from_secret_complete_arn(self, "Secret", attached.secret)
            if attached.secret
            else self._new_secret(name)
        )

    def _new_table(self) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=not self._ephemeral,
            removal_policy=self._removal,
        )
        table.add_global_secondary_index(
            index_name=INDEX, partition_key=_text("gsi1pk"), sort_key=_text("gsi1sk")
        )
        table.add_global_secondary_index(
            index_name=REST_INDEX,
            partition_key=_text("gsi2pk"),
            sort_key=_text("gsi2sk"),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=[REST_WORD],
        )
        return table

    def _new_bucket(self) -> s3.Bucket:
        unfinished = s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(2))
        superseded = s3.LifecycleRule(
            noncurrent_version_expiration=_UNDELETABLE, expired_object_delete_marker=True
        )
        # Each is replaced within minutes, and made anew from what is published.
        catalogs = [
            s3.LifecycleRule(id=name, prefix=prefix, noncurrent_version_expiration=Duration.days(1))
            for name, prefix in (("lake", FOLDER), ("iceberg", ICEBERG))
        ]
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=not self._ephemeral,
            lifecycle_rules=[unfinished]
            if self._ephemeral
            else [unfinished, superseded, *catalogs],
            removal_policy=self._removal,
        )
        if self._history_days:
            # Long texts of errors. A row that outlives its text has the beginning of it.
            bucket.add_lifecycle_rule(
                id="errors", prefix="errors/", expiration=Duration.days(self._history_days)
            )
        accept(
            bucket,
            "S1",
            "Ripples read and write all the time, and each would be a line. Who wants them logged "
            "has CloudTrail's data events.",
        )
        return bucket

    def _new_secret(self, name: str) -> secretsmanager.Secret:
        """Without a value: a value in the template could later overwrite what the users have put
        there.
        """
        secret = secretsmanager.Secret(
            self._scope,  # where it has always been: another path would be another secret
            "Secret",
            description=f"Variables of the Ripples of {name}: a JSON object",
            removal_policy=self._removal,
        )
        resource = resource_of(secret, secretsmanager.CfnSecret)
        resource.add_property_deletion_override("GenerateSecretString")
        accept(
            secret,
            "SMG4",
            "Its values are passwords of the users' own systems, which only they can change.",
        )
        return secret


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
