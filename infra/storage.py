"""The storage of a Catchment: one table and one bucket."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.accepted import accept


class Storage(Construct):
    """The table and the bucket; both outlive the stack unless it is ``ephemeral``."""

    def __init__(self, scope: Construct, construct_id: str, *, ephemeral: bool) -> None:
        super().__init__(scope, construct_id)
        removal = RemovalPolicy.DESTROY if ephemeral else RemovalPolicy.RETAIN
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal,
        )
        self.table.add_global_secondary_index(
            index_name="gsi1", partition_key=_text("gsi1pk"), sort_key=_text("gsi1sk")
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=False,
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(2))
            ],
            removal_policy=removal,
        )
        accept(
            self.bucket,
            "S1",
            "Ripples read and write all the time, and each would be a line. Who wants them logged "
            "has CloudTrail's data events.",
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
