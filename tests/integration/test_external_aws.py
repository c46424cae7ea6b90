"""Athena, EMR Serverless, Glue, Batch and Step Functions jobs against moto. tests/e2e has the
emulator, where the work of the last three is really done.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep as real_sleep

import duckdb
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from moto import mock_aws
from moto.athena.models import athena_backends
from moto.batch.models import batch_backends
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.emrserverless.models import emrserverless_backends
from moto.glue.models import glue_backends
from moto.moto_api import state_manager

from duckstring import external, ripple
from duckstring.author.kills import Requested
from duckstring.author.ripple import collecting
from duckstring.external import (
    AthenaQuery,
    BatchJob,
    CancelRefusedError,
    EmrServerlessJob,
    Env,
    ExternalRunFailedError,
    GlueJob,
    RefusedError,
    StateMachine,
    aws,
    core,
)
from duckstring.external.fake.pond import FakePond, WorkerLost
from duckstring.external.glue import KEY_ARGUMENT
from tests.integration.aws import CREDENTIALS, REGION
from tests.unit.external_kit import MemoryPond, Paused, turns, virtual_time

CONFIG = {"batch": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}


class WorkerDied(BaseException):
    """Between any two lines."""


@pytest.fixture(autouse=True, scope="module")
def session() -> Iterator[None]:
    """One for all: to read the services' models takes longer than all else here."""
    aws._session.cache_clear()
    yield
    aws._session.cache_clear()


def client(service: str):
    return aws._session().create_client(service, region_name=REGION)


@pytest.fixture(autouse=True)
def account(monkeypatch) -> Iterator[None]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws(config=CONFIG):
        state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 1})
        yield
        state_manager.unset_transition("glue::job_run")
        state_manager.unset_transition("athena::execution")


@pytest.fixture(autouse=True)
def time(monkeypatch):
    with virtual_time(monkeypatch) as time:
        time.now = datetime.now(UTC).timestamp()  # moto's runs begin now
        yield time


@pytest.fixture
def pond() -> MemoryPond:
    return MemoryPond()


class Calls:
    """The requests of all clients: seen, and made to go wrong before or after they are carried
    out.
    """

    def __init__(self, monkeypatch):
        self.made: list[str] = []
        self.before: dict[str, list[BaseException]] = {}
        self.after: dict[str, list[BaseException]] = {}
        really = BaseClient._make_api_call

        def call(client, operation, parameters):
            self.made.append(operation)
            if self.before.get(operation):
                raise self.before[operation].pop(0)
            answer = really(client, operation, parameters)
            if self.after.get(operation):
                raise self.after[operation].pop(0)
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.fixture
def calls(monkeypatch) -> Calls:
    return Calls(monkeypatch)


def told(operation, code, message="No.", status=400):
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        operation,
    )


class Glue:
    """A Glue job. moto's runs end well, one state a look; its own state is changed where they
    must not.
    """

    start, look, list = "StartJobRun", "GetJobRun", "GetJobRuns"
    ended = "SUCCEEDED"

    def __init__(self, runs_at_once=5):
        client("glue").create_job(
            Name="sales",
            Role="glue",
            Command={"Name": "glueetl"},
            ExecutionProperty={"MaxConcurrentRuns": runs_at_once},
        )
        self.job = GlueJob("sales", arguments={"--day": "1"})

    def ids(self):
        return [run.job_run_id for run in self._runs()]

    def end(self, word, **_):
        state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 10**6})
        for run in self._runs():
            run.status = word

    def _runs(self):
        return glue_backends[ACCOUNT][REGION].jobs["sales"].job_runs


class Batch:
    """A Batch queue. moto's jobs have ended as soon as they are submitted; their state is set to
    what it is to be.
    """

    start, look, list = "SubmitJob", "DescribeJobs", "ListJobs"
    ended = "SUCCEEDED"

    def __init__(self):
        batch, iam, ec2 = client("batch"), client("iam"), client("ec2")
        role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        resources = {
            "type": "FARGATE",
            "maxvCpus": 4,
            "subnets": [subnet],
            "securityGroupIds": [group],
        }
        environment = batch.create_compute_environment(
            computeEnvironmentName="fargate",
            type="MANAGED",
            serviceRole=role,
            computeResources=resources,
        )["computeEnvironmentArn"]
        order = [{"order": 1, "computeEnvironment": environment}]
        batch.create_job_queue(
            jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order
        )
        container = {"image": "busybox", "vcpus": 1, "memory": 128, "command": ["true"]}
        self.definition = batch.register_job_definition(
            jobDefinitionName="sales", type="container", containerProperties=container
        )
        self.job = BatchJob("sales", queue="queue", parameters={"day": "1"})

    def ids(self):
        return list(self._jobs())

    def end(self, word, *, reason=None):
        for job in self._jobs().values():
            job.status = word
            job.job_stopped_reason = reason

    def _jobs(self):
        return batch_backends[ACCOUNT][REGION]._jobs


class Machine:
    """A state machine that moto really runs."""

    start, look, list = "StartExecution", "DescribeExecution", "DescribeExecution"
    ended = "SUCCEEDED"

    def __init__(self, state=None):
        state = state or {"Type": "Pass", "Result": {"rows": 7}, "End": True}
        role = client("iam").create_role(RoleName="states", AssumeRolePolicyDocument="{}")["Role"][
            "Arn"
        ]
        definition = json.dumps({"StartAt": "Work", "States": {"Work": state}})
        self.arn = client("stepfunctions").create_state_machine(
            name="sales", definition=definition, roleArn=role
        )["stateMachineArn"]
        self.job = StateMachine(self.arn, input={"day": 1})

    def ids(self):
        found = client("stepfunctions").list_executions(stateMachineArn=self.arn)["executions"]
        return [execution["executionArn"] for execution in found]


class Athena:
    """Athena. moto runs no statement and heeds no token: each start is another query there."""

    start, look, list = "StartQueryExecution", "GetQueryExecution", "ListQueryExecutions"
    ended = "SUCCEEDED"

    def __init__(self):
        self.job = AthenaQuery(
            "UNLOAD (SELECT ? AS day) TO '{to}' WITH (format = 'PARQUET')",
            parameters=["1"],
            database="lake",
            output="s3://answers/",
        )

    def ids(self):
        return list(self._queries())

    def end(self, word, *, reason=None):
        state_manager.set_transition("athena::execution", {"progression": "manual", "times": 10**6})
        for query in self._queries().values():
            query.status = word

    def _queries(self):
        return athena_backends[ACCOUNT][REGION].executions


class Emr:
    """An EMR Serverless application. moto's runs have ended as soon as they are started, and began
    at midnight. It heeds no token.
    """

    start, look, list = "StartJobRun", "GetJobRun", "ListJobRuns"
    ended = "SUCCESS"

    def __init__(self):
        self.application = client("emr-serverless").create_application(
            releaseLabel="emr-7.1.0", type="SPARK", clientToken="application"
        )["applicationId"]
        # Without it, moto does not know an application that never had a run.
        emrserverless_backends[ACCOUNT][REGION].job_runs[self.application] = []
        self.job = EmrServerlessJob(
            self.application,
            execution_role=f"arn:aws:iam::{ACCOUNT}:role/spark",
            script="s3://code/totals.py",
            arguments=["--day", "1"],
            spark="--conf spark.executor.memory=8g",
        )

    def ids(self):
        return [run.id for run in self._runs()]

    def end(self, word, *, reason=None):
        for run in self._runs():
            run.state, run.state_details = word, reason

    def _runs(self):
        return emrserverless_backends[ACCOUNT][REGION].job_runs.get(self.application, [])


LOOKUPS = {"glue": Glue, "batch": Batch, "athena": Athena, "emr": Emr}
ENGINES = {**LOOKUPS, "states": Machine}


@pytest.fixture(params=ENGINES)
def engine(request):
    return ENGINES[request.param]()


@pytest.fixture(params=LOOKUPS)
def lookup(request):
    return LOOKUPS[request.param]()


def key(pond, engine) -> str:
    return core.key_of(pond.run_key, engine.job._engine(pond).slot)


def waiting(time):
    def between(_wait):
        time.now += 15.0

    return between


# One run for one try


def test_a_run_is_started_waited_for_and_told(engine, pond, time):
    run, _ = turns(engine.job, pond, between=waiting(time))

    assert engine.ids() == [run.id]
    assert run.state == engine.ended
    assert run.started.tzinfo == UTC
    assert abs(run.started - datetime.now(UTC)) < timedelta(days=2)
    assert REGION in run.url
    assert f"'{run.id}' AS run_id" in run.select()


def test_a_worker_that_died_before_it_remembered_the_id_leaves_one_run(engine, pond, time, calls):
    calls.after[engine.start] = [WorkerDied()]
    with pytest.raises(WorkerDied):
        engine.job.run(pond)
    (started,) = engine.ids()

    run, _ = turns(engine.job, pond, between=waiting(time))
    assert run.id == started
    assert engine.ids() == [started]


def test_a_worker_that_died_before_the_request_leaves_none_and_the_next_starts_one(
    engine, pond, time, calls
):
    calls.before[engine.start] = [WorkerDied()]
    with pytest.raises(WorkerDied):
        engine.job.run(pond)
    assert engine.ids() == []

    turns(engine.job, pond, between=waiting(time))
    assert len(engine.ids()) == 1


def test_a_list_that_lags_behind_starts_no_second_run(lookup, pond, time, calls, monkeypatch):
    """The worker died after the start, and the engine does not list the run yet."""
    calls.after[lookup.start] = [WorkerDied()]
    with pytest.raises(WorkerDied):
        lookup.job.run(pond)
    kind = type(lookup.job._engine(pond))
    find = kind.find
    monkeypatch.setattr(kind, "find", lambda *_: None)
    for _ in range(3):
        with pytest.raises(Paused) as paused:
            lookup.job.run(pond)
        assert paused.value.wait == "15s"
        time.now += 20.0
    monkeypatch.setattr(kind, "find", find)

    turns(lookup.job, pond, between=waiting(time))
    assert len(lookup.ids()) == 1


def test_an_answer_lost_after_the_start_does_not_start_another(engine, pond, time, calls):
    calls.after[engine.start] = [
        ReadTimeoutError(endpoint_url="https://aws"),
        told(engine.start, "InternalFailure", status=500),
    ]

    turns(engine.job, pond, between=waiting(time))
    assert len(engine.ids()) == 1


def test_an_ordinary_run_is_not_looked_for(lookup, pond, calls, time):
    """A list is asked only where a start is in doubt."""
    turns(lookup.job, pond, between=waiting(time))

    assert lookup.list not in calls.made


def test_the_next_try_starts_another_run(engine, pond, time):
    first, _ = turns(engine.job, pond, between=waiting(time))
    second, _ = turns(engine.job, pond.retried(), between=waiting(time))

    assert {first.id, second.id} == set(engine.ids())
    assert first.id != second.id


def test_only_this_try_s_run_is_found_among_many(pond, time, monkeypatch):
    """Over several pages, and in either order of time."""
    engine = Glue(runs_at_once=100)
    monkeypatch.setattr("duckstring.external.glue._PAGE", 3)
    wanted = [GlueJob("sales", name=f"part {number}") for number in range(10)]
    ids = [job.start(pond) for job in wanted]
    pond.memory = {slot: json.dumps({"since": time.now - 60, "run": ""}) for slot in pond.memory}

    assert [job.start(pond) for job in wanted] == ids
    assert len(engine.ids()) == 10


def test_pages_are_left_where_they_go_back_behind_the_try():
    from duckstring.external.glue import _is_past

    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    back = [{"StartedOn": noon - timedelta(hours=hours)} for hours in (1, 2, 3)]
    assert _is_past(back, noon)
    assert not _is_past(back[::-1], noon)  # oldest first: what is sought comes last
    assert not _is_past(back, noon - timedelta(hours=1, minutes=30))
    assert not _is_past([{}], noon)


# What the run bears


def test_glue_gets_its_arguments_and_the_key(pond):
    engine = Glue()
    engine.job.start(pond, arguments={"--hour": "7"})

    (run,) = engine._runs()
    assert run.arguments == {"--day": "1", "--hour": "7", KEY_ARGUMENT: key(pond, engine)}


def test_batch_gets_its_parameters_and_overrides_and_the_key_as_name(pond):
    engine = Batch()
    job = BatchJob(
        "sales", queue="queue", parameters={"day": "1"}, overrides={"command": ["echo", "Ref::day"]}
    )
    job.start(pond, parameters={"hour": "7"})

    (found,) = engine._jobs().values()
    assert found.job_name == key(pond, engine)
    assert found.parameters == {"day": "1", "hour": "7"}
    assert found.container_overrides == {"command": ["echo", "Ref::day"]}


def test_a_state_machine_gets_its_input_and_the_key_as_name_and_gives_its_output(pond, time):
    engine = Machine()
    run, _ = turns(engine.job, pond, between=waiting(time), input={"day": 2})

    assert run.id == f"arn:aws:states:{REGION}:{ACCOUNT}:execution:sales:{key(pond, engine)}"
    assert json.loads(run.answer["input"]) == {"day": 2}
    assert json.loads(run.answer["output"]) == {"rows": 7}


def test_a_version_s_execution_is_found_by_the_machine_s_name(pond):
    engine = Machine()
    there = engine.job._engine(pond)
    versioned = StateMachine(f"{engine.arn}:3")._engine(pond)

    assert (
        versioned._execution("k")
        == there._execution("k")
        == f"arn:aws:states:{REGION}:{ACCOUNT}:execution:sales:k"
    )
    assert versioned.slot == there.slot


def test_athena_gets_the_statement_its_parameters_and_the_key_as_token_and_comment(
    pond, monkeypatch
):
    engine, sent = Athena(), []
    really = BaseClient._make_api_call
    monkeypatch.setattr(
        BaseClient,
        "_make_api_call",
        lambda client, operation, asked: sent.append(asked) or really(client, operation, asked),
    )
    engine.job.start(pond, values={"to": "s3://lake/x/"}, parameters=["'{to}'"])

    (asked,) = sent
    token = key(pond, engine)
    assert asked == {
        "QueryString": (
            f"-- duckstring {token}\n"
            "UNLOAD (SELECT ? AS day) TO 's3://lake/x/' WITH (format = 'PARQUET')"
        ),
        "ClientRequestToken": token,
        "WorkGroup": "primary",
        "ExecutionParameters": ["'{to}'"],  # a value is no statement: nothing is put into it
        "QueryExecutionContext": {"Database": "lake"},
        "ResultConfiguration": {"OutputLocation": "s3://answers/"},
    }


def test_a_short_key_is_still_a_token_that_athena_takes():
    engine = Athena()
    engine.job.start(MemoryPond(run_key="k"))

    assert len(engine.ids()) == 1


def test_two_statements_of_one_ripple_are_two_queries(pond):
    Athena()
    first, second = AthenaQuery("SELECT 1"), AthenaQuery("SELECT 2")

    assert first.start(pond) != second.start(pond)
    assert first.start(pond) == first.start(pond)


def test_a_statement_is_found_by_this_try_s_key_alone(pond, time):
    """Not by a key that its own begins with, nor by one that somebody else's statement names."""
    engine = Athena()
    there, token = engine.job._engine(pond), key(pond, engine)
    there.client.start_query_execution(QueryString=f"SELECT 1\n-- duckstring {token}\n")
    there.start(f"{token}2")
    assert there.find(token, time.now) is None

    wanted = there.start(token)
    assert there.find(token, time.now) == wanted


def test_emr_gets_script_arguments_and_role_and_the_key_as_token_and_name(pond):
    engine = Emr()
    pond.environment["TO"] = "s3://lake/x/"
    engine.job.start(pond, arguments=["--to", Env("TO")])

    (run,) = engine._runs()
    assert (run.client_token, run.name) == (key(pond, engine), key(pond, engine))
    assert run.execution_role_arn == f"arn:aws:iam::{ACCOUNT}:role/spark"
    assert run.job_driver == {
        "sparkSubmit": {
            "entryPoint": "s3://code/totals.py",
            "entryPointArguments": ["--day", "1", "--to", "s3://lake/x/"],
            "sparkSubmitParameters": "--conf spark.executor.memory=8g",
        }
    }


def test_an_env_names_a_job_by_its_own_name_so_that_a_new_value_starts_no_second_run(pond):
    engine = Emr()
    pond.environment |= {"APPLICATION": engine.application, "SCRIPT": "s3://code/a.py"}
    role = f"arn:aws:iam::{ACCOUNT}:role/spark"
    job = EmrServerlessJob(Env("APPLICATION"), execution_role=role, script=Env("SCRIPT"))
    started = job.start(pond)
    pond.environment["SCRIPT"] = "s3://code/b.py"

    assert job.start(pond) == started
    pond.environment |= {"GROUP": "primary"}
    one = AthenaQuery("SELECT 1", workgroup=Env("GROUP"))._engine(pond).slot
    pond.environment |= {"GROUP": "other"}
    assert AthenaQuery("SELECT 1", workgroup=Env("GROUP"))._engine(pond).slot == one


DOCS = (Path(__file__).parents[2] / "docs" / "external.md").read_text(encoding="utf-8")


def example(heading: str) -> dict:
    """What the example under a heading of the docs defines."""
    section = DOCS.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    scope = {name: getattr(external, name) for name in external.__all__} | {"ripple": ripple}
    with collecting():
        exec(compile(code, f"external.md, {heading}", "exec"), scope)
    return scope


@pytest.mark.parametrize("kind", [Athena, Emr])
def test_the_example_of_the_docs_runs_and_tells_of_its_run(kind, time):
    engine = kind()
    heading = {Athena: "Amazon Athena", Emr: "Amazon EMR Serverless"}[kind]
    pond = FakePond({"SALES_SPARK_ROLE": f"arn:aws:iam::{ACCOUNT}:role/spark"})
    if kind is Athena:
        client("athena").create_work_group(Name="sales", Configuration={})
    else:
        pond.environment["SALES_APPLICATION"] = engine.application
    pond.call(example(heading)["totals"])

    (run,) = engine.ids()
    assert f"'{run}' AS run_id" in pond.tables["run"]


def adopting_examples() -> list[str]:
    section = DOCS.partition("\n## Tables that another engine writes\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize("kind", [Athena, Emr])
def test_the_example_that_adopts_gives_the_engine_the_location_and_takes_what_it_wrote(kind, time):
    """moto runs nothing: the test writes what the engine would, where it was told to."""
    engine = kind()
    (code,) = (one for one in adopting_examples() if kind.__name__ in one)
    scope = {name: getattr(external, name) for name in external.__all__} | {"ripple": ripple}
    with collecting():
        exec(compile(code, "external.md", "exec"), scope)
    pond = FakePond({"SALES_SPARK_ROLE": f"arn:aws:iam::{ACCOUNT}:role/spark"})
    if kind is Athena:
        client("athena").create_work_group(Name="sales", Configuration={})
    else:
        pond.environment["SALES_APPLICATION"] = engine.application
    pond.lose_worker()  # after the start: the next call attaches, and finds what was written
    with pytest.raises(WorkerLost):
        scope["totals"](pond)
    if kind is Athena:
        (query,) = engine._queries().values()
        (to,) = re.findall(r"TO '(.+?)' WITH", query.query)
    else:
        (run,) = engine._runs()
        (to,) = run.job_driver["sparkSubmit"]["entryPointArguments"]
    duckdb.sql("SELECT 1 AS day, 'eu' AS region, 7 AS amount").write_parquet(f"{to}part-0")
    pond.call(scope["totals"])

    assert len(engine.ids()) == 1
    assert duckdb.sql(pond.tables["totals"]).fetchall() == [(1, "eu", 7)]


# How it ends


def test_a_failed_glue_run_gives_its_message_and_its_error_log(pond):
    engine = Glue()
    engine.job.start(pond)
    engine.end("TIMEOUT")
    (run,) = engine._runs()
    run_id = engine.ids()[0]
    described = run.as_dict
    run.as_dict = lambda: {**described(), "ErrorMessage": "ValueError: no prices for [eu]"}

    with pytest.raises(ExternalRunFailedError) as failed:
        engine.job.run(pond)
    assert failed.value.message == (
        f"ValueError: no prices for [eu] "
        f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}"
        f"#logsV2:log-groups/log-group/$252Faws-glue$252Fjobs$252Ferror/log-events/{run_id} "
        f"(Glue job sales, run {run_id}, ended TIMEOUT)"
    )


def test_a_failed_batch_job_gives_reason_and_log(pond):
    engine = Batch()
    engine.job.start(pond)
    engine.end("FAILED", reason="Essential container in task exited")

    with pytest.raises(ExternalRunFailedError) as failed:
        engine.job.run(pond)
    assert failed.value.message.startswith("Essential container in task exited")
    assert f"{failed.value.url} (" in failed.value.message
    assert "log-group/$252Faws$252Fbatch$252Fjob/log-events/" in failed.value.url


def test_a_failed_query_gives_athena_s_words_and_its_page(pond):
    engine = Athena()
    engine.job.start(pond)
    engine.end("FAILED")
    (run,) = engine.ids()
    really = client("athena").get_query_execution(QueryExecutionId=run)["QueryExecution"]
    from duckstring.external.athena import _Athena

    said = "SYNTAX_ERROR: line 2:9: Column 'pirce' cannot be resolved"
    for status in ({"StateChangeReason": said}, {"AthenaError": {"ErrorMessage": said}}):
        found = {**really, "Status": {**really["Status"], **status}}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_Athena, "_query", lambda *_, found=found: found)
            with pytest.raises(ExternalRunFailedError) as failed:
                engine.job.run(pond)
        assert failed.value.message == (
            f"{said} https://{REGION}.console.aws.amazon.com/athena/home?region={REGION}"
            f"#/query-editor/history/{run} (Athena query in primary, run {run}, ended FAILED)"
        )


def test_a_failed_spark_job_gives_its_state_details_and_its_driver_s_log(pond):
    engine = Emr()
    watched = {"cloudWatchLoggingConfiguration": {"enabled": True, "logStreamNamePrefix": "sales"}}
    job = EmrServerlessJob(
        engine.application,
        execution_role=f"arn:aws:iam::{ACCOUNT}:role/spark",
        script="s3://code/totals.py",
        request={"configurationOverrides": {"monitoringConfiguration": watched}},
    )
    run = job.start(pond)
    engine.end("FAILED", reason="Job failed, please check complete logs. ExitCode: 1.")

    with pytest.raises(ExternalRunFailedError) as failed:
        job.run(pond)
    assert failed.value.message.startswith("Job failed, please check complete logs. ExitCode: 1.")
    assert f"(EMR Serverless job totals.py of {engine.application}, run {run}, ended FAILED)" in (
        failed.value.message
    )
    stream = f"sales/applications/{engine.application}/jobs/{run}/SPARK_DRIVER/stderr"
    assert failed.value.url == aws.log_page(REGION, "/aws/emr-serverless", stream)


def test_what_a_run_took_is_in_the_log_of_the_attempt(pond, time, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    turns(Athena().job, pond, between=waiting(time))
    (looked,) = (one for one in caplog.records if one.message == "external run looked at")
    assert (looked.scanned_bytes, looked.engine_ms, looked.queued_ms) == (0, 0, 0)

    caplog.clear()
    engine = Emr()
    turns(engine.job, MemoryPond(), between=waiting(time))
    (looked,) = (one for one in caplog.records if one.message == "external run looked at")
    assert (looked.vcpu_hours, looked.memory_gb_hours, looked.storage_gb_hours) == (0, 0, 0)


def test_a_run_that_goes_on_has_taken_nothing_yet(pond, caplog):
    caplog.set_level(logging.INFO)
    engine = Athena()
    engine.job.start(pond)
    engine.end("RUNNING")
    with pytest.raises(Paused):
        engine.job.run(pond)

    assert not hasattr(caplog.records[-1], "scanned_bytes")


def test_a_failed_execution_gives_error_and_cause(pond, time):
    engine = Machine(
        {"Type": "Fail", "Error": "NoPrices", "Cause": "There are no prices for [eu]."}
    )

    with pytest.raises(
        ExternalRunFailedError,
        match=r"^NoPrices: There are no prices for \[eu\]\. https://.*/details/arn.*FAILED\)$",
    ):
        turns(engine.job, pond, between=waiting(time))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *(
            (word, "active")
            for word in ("STARTING", "RUNNING", "STOPPING", "WAITING", "PONDERING", "")
        ),
        ("SUCCEEDED", "succeeded"),
        ("STOPPED", "cancelled"),
        *((word, "failed") for word in ("FAILED", "TIMEOUT", "ERROR", "EXPIRED")),
    ],
)
def test_what_glue_says_is_one_of_four_states(pond, word, state):
    engine = Glue()
    run = engine.job.start(pond)
    engine.end(word)

    assert engine.job._engine(pond).look(run).state == state


ATHENA = {"SUCCEEDED": "succeeded", "FAILED": "failed", "CANCELLED": "cancelled"}
EMR = {"SUCCESS": "succeeded", "FAILED": "failed", "CANCELLED": "cancelled"}


@pytest.mark.parametrize("word", ["QUEUED", "RUNNING", "PONDERING", *ATHENA])
def test_what_athena_says_is_one_of_four_states(pond, word):
    engine = Athena()
    run = engine.job.start(pond)
    engine.end(word)

    assert engine.job._engine(pond).look(run).state == ATHENA.get(word, "active")


@pytest.mark.parametrize(
    "word",
    ["SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING", "PONDERING", *EMR],
)
def test_what_emr_says_is_one_of_four_states(pond, word):
    engine = Emr()
    run = engine.job.start(pond)
    engine.end(word)

    assert engine.job._engine(pond).look(run).state == EMR.get(word, "active")


@pytest.mark.parametrize(
    ("found", "state"),
    [
        *(
            ({"status": word}, "active")
            for word in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "PONDERING")
        ),
        ({"status": "RUNNING", "isTerminated": True}, "active"),  # it is being ended
        ({"status": "SUCCEEDED"}, "succeeded"),
        (
            {"status": "FAILED", "statusReason": "Host EC2 terminated.", "isTerminated": False},
            "failed",
        ),
        ({"status": "FAILED", "isTerminated": True}, "cancelled"),
        ({"status": "FAILED", "isCancelled": True}, "cancelled"),
        ({"status": "FAILED", "statusReason": "Its Ripple was killed (Duckstring)."}, "cancelled"),
    ],
)
def test_what_batch_says_is_one_of_four_states(found, state):
    from duckstring.external.batch import _state

    assert _state(found) == state


def test_a_run_that_is_not_known_any_more_is_lost(lookup, pond, time, calls):
    lookup.job.start(pond)
    (slot,) = pond.memory
    lost = "00000000-0000-0000-0000-000000000000"
    if isinstance(lookup, Emr):
        lost = lost.replace("-", "")
    if isinstance(lookup, Athena):  # moto fails where Athena answers
        said = f"QueryExecution {lost} was not found"
        calls.before[lookup.look] = [told(lookup.look, "InvalidRequestException", said)] * 2
    pond.remember(slot, {"since": time.now, "run": lost})
    with pytest.raises(Paused):
        lookup.job.run(pond)
    time.now += core.APPEARING

    with pytest.raises(ExternalRunFailedError, match="is not known any more"):
        lookup.job.run(pond)


# AWS has no time, or refuses


@pytest.mark.parametrize(
    "error",
    [
        ("ThrottlingException", "Rate exceeded", 400),
        ("InternalServiceException", "Oh.", 500),
        ("OperationTimeoutException", "Slow.", 400),
        ("SomethingNew", "Oh.", 503),
        EndpointConnectionError(endpoint_url="https://aws"),
        ReadTimeoutError(endpoint_url="https://aws"),
    ],
)
def test_a_look_that_is_not_answered_is_no_failure_of_the_run(
    engine, pond, time, calls, error, caplog
):
    engine.job.start(pond)
    raised = error if isinstance(error, Exception) else told(engine.look, *error)
    calls.before[engine.look] = [raised] * 4

    with caplog.at_level(logging.WARNING), pytest.raises(Paused):
        engine.job.run(pond)
    assert time.slept == [1.0, 3.0]
    assert caplog.records[-1].reason
    turns(engine.job, pond, between=waiting(time))
    assert len(engine.ids()) == 1


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "ConcurrentRunsExceededException", "ExecutionLimitExceeded"]
)
def test_a_start_for_which_there_is_no_room_waits_and_is_made_once(engine, pond, time, calls, code):
    calls.before[engine.start] = [told(engine.start, code)] * 4

    run, _ = turns(engine.job, pond, between=waiting(time))
    assert engine.ids() == [run.id]
    if engine.list != engine.look:
        assert engine.list not in calls.made  # it was told that nothing began


def test_a_glue_job_that_runs_for_somebody_else_is_waited_for(pond, time):
    engine = Glue(runs_at_once=1)
    state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 3})
    theirs = client("glue").start_job_run(JobName="sales")["JobRunId"]
    with pytest.raises(Paused):
        engine.job.run(pond)
    for _ in range(10):
        client("glue").get_job_run(JobName="sales", RunId=theirs)

    run, _ = turns(engine.job, pond, between=waiting(time))
    assert run.id != theirs


def test_a_denial_is_one_line_in_aws_s_words_that_says_whom_to_ask(engine, pond, calls):
    said = f"User: arn:aws:sts::1:assumed-role/worker is not authorized to perform: {engine.start}"
    calls.before[engine.start] = [told(engine.start, "AccessDeniedException", said)]

    with pytest.raises(RefusedError) as refused:
        engine.job.run(pond)
    assert refused.value.message.endswith(f": {engine.start}: AccessDeniedException: {said}")
    assert "role=" in refused.value.hint
    assert engine.ids() == []
    (slot,) = pond.memory
    assert pond.recall(slot) is None


def test_what_does_not_exist_is_said_in_aws_s_words(pond):
    Batch()
    with pytest.raises(
        RefusedError, match=r"Glue job nothing: StartJobRun: EntityNotFoundException"
    ):
        GlueJob("nothing").run(pond)
    with pytest.raises(
        RefusedError,
        match=r"Batch job sales: SubmitJob: ClientException: Job queue nowhere does not exist",
    ):
        BatchJob("sales", queue="nowhere").run(pond)
    missing = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:nothing"
    with pytest.raises(
        RefusedError, match=r"State machine nothing: StartExecution: StateMachineDoesNotExist"
    ):
        StateMachine(missing).run(pond)
    role = f"arn:aws:iam::{ACCOUNT}:role/spark"
    with pytest.raises(
        RefusedError,
        match=r"^EMR Serverless job a.py of nothing: StartJobRun: ResourceNotFoundException: ",
    ):
        EmrServerlessJob("nothing", execution_role=role, script="s3://code/a.py").run(pond)
    with pytest.raises(RefusedError, match=r"^Athena query in nothing: StartQueryExecution: "):
        AthenaQuery("SELECT 1", workgroup="nothing").run(pond)
    with pytest.raises(RefusedError, match=r"'sales' is not the ARN of a state machine"):
        StateMachine("sales").run(pond)


def test_an_express_machine_is_refused(pond):
    with pytest.raises(RefusedError, match=r"is an Express machine"):
        Machine().job._engine(pond)._standard(
            f"arn:aws:states:{REGION}:{ACCOUNT}:express:sales:a:b"
        )


def test_another_account_s_role_is_assumed(pond, calls):
    Glue()
    pond.environment["GLUE_ROLE"] = "arn:aws:iam::210987654321:role/glue"
    with pytest.raises(RefusedError, match="EntityNotFoundException"):  # the job is in this account
        GlueJob("sales", role=Env("GLUE_ROLE"), region="eu-west-1").run(pond)

    assert calls.made == ["CreateJob", "AssumeRole", "StartJobRun"]


@pytest.mark.parametrize(
    ("region", "page"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com/p"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/p"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/p"),
    ],
)
def test_the_console_is_the_partition_s(region, page):
    assert aws.console(region, "p") == page


# Cancel


@pytest.fixture
def patience(time, monkeypatch):
    """moto ends executions in threads of its own: a moment really passes."""
    monkeypatch.setattr(core, "_sleep", lambda seconds: (time.sleep(seconds), real_sleep(0.2)))


@pytest.mark.usefixtures("patience")
def test_a_killed_try_s_execution_is_stopped_and_seen_to_end(pond):
    engine = Machine({"Type": "Wait", "Seconds": 3600, "End": True})
    with pytest.raises(Paused):
        engine.job.run(pond)

    assert engine.job.cancel(pond).startswith(
        f"State machine sales, run {engine.ids()[0]} is cancelled: ABORTED. https://"
    )


@pytest.mark.usefixtures("patience")
def test_an_execution_whose_arn_was_never_remembered_is_stopped_too(pond, calls):
    engine = Machine({"Type": "Wait", "Seconds": 3600, "End": True})
    calls.after["StartExecution"] = [WorkerDied()]
    with pytest.raises(WorkerDied):
        engine.job.run(pond)

    assert "is cancelled: ABORTED" in engine.job.cancel(pond)
    assert calls.made.count("StartExecution") == 1  # it is found without another


def test_a_batch_job_is_asked_to_end_with_a_reason(pond, time):
    engine = Batch()
    engine.job.start(pond)
    engine.end("RUNNING")

    asked = engine.job.cancel(pond)
    assert isinstance(asked, Requested)
    assert "was asked to end and has not ended yet. It is RUNNING" in asked
    (found,) = engine._jobs().values()
    assert (found.stop, found.job_stopped_reason) == (True, "Its Ripple was killed (Duckstring).")
    found.status = "FAILED"
    assert "had ended before it was cancelled: FAILED" in engine.job.cancel(pond)


@pytest.mark.parametrize("kind", [Athena, Emr])
@pytest.mark.parametrize("known", [True, False])
def test_a_query_or_spark_job_is_cancelled_also_where_its_id_was_never_remembered(
    pond, calls, kind, known
):
    engine = kind()
    if not known:
        calls.after[engine.start] = [WorkerDied()]
    with nullcontext() if known else pytest.raises(WorkerDied):
        engine.job.start(pond)
    engine.end("RUNNING")

    assert f"run {engine.ids()[0]} is cancelled: CANCELLED. https://" in engine.job.cancel(pond)
    assert calls.made.count(engine.start) == 1


def test_a_run_that_may_exist_and_is_not_found_is_not_called_cancelled(lookup, pond, time, calls):
    calls.before[lookup.start] = [WorkerDied()]
    with pytest.raises(WorkerDied):
        lookup.job.run(pond)

    assert lookup.job.cancel(pond).endswith("no run was started under this try's key.")
    assert sum(time.slept) >= core.SETTLING - 10
    calls.before[lookup.list] = [told(lookup.list, "AccessDeniedException")]
    with pytest.raises(
        CancelRefusedError,
        match=r"whether a run was started under the key \S+ is not known: .* AccessDenied\w+: No",
    ):
        lookup.job.cancel(pond)
