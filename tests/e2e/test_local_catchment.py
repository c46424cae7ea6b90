"""A local Catchment lives through what laptops do to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from duckstring.errors import OperatorError
from duckstring_cli import catchments
from duckstring_cli.catchments import CatchmentNotFoundError, CatchmentNotRunningError
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process
from duckstring_cli.local.home import catchment_folder
from duckstring_cli.local.keys import key_file, read_key


def eventually(claim, *, within=120.0):
    """A claim becomes true; how soon is nobody's promise."""
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        if claim():
            return True
        time.sleep(0.1)
    return False


def aws(name):
    return catchments.session(catchments.find(name))


def put(one, text):
    access = aws(one.name)
    outputs = catchments.outputs(one)
    access.client("dynamodb").put_item(
        TableName=outputs["Table"], Item={"pk": {"S": "NOTE"}, "sk": {"S": text}}
    )
    access.client("s3").put_object(
        Bucket=outputs["Bucket"], Key=f"notes/{text}", Body=text.encode()
    )


def held(one, text):
    access = aws(one.name)
    outputs = catchments.outputs(one)
    item = access.client("dynamodb").get_item(
        TableName=outputs["Table"], Key={"pk": {"S": "NOTE"}, "sk": {"S": text}}
    )
    body = (
        access.client("s3").get_object(Bucket=outputs["Bucket"], Key=f"notes/{text}")["Body"].read()
    )
    return "Item" in item and body == text.encode()


def delivered(one, line):
    """A letter to ``line`` reaches the orchestrator, which makes the line's state."""
    access, outputs = aws(one.name), catchments.outputs(one)
    key = {"pk": {"S": f"LINE#{line}"}, "sk": {"S": "STATE"}}
    access.client("sqs").send_message(
        QueueUrl=outputs["Mailbox"],
        MessageBody=json.dumps({"to": line, "kind": "alarm_rang"}),
        MessageGroupId=line,
        MessageDeduplicationId=str(time.time_ns()),
    )
    return eventually(
        lambda: "Item" in access.client("dynamodb").get_item(TableName=outputs["Table"], Key=key)
    )


def checkpointed(name):
    running = local.status(name).running
    assert running is not None
    return not running.unsaved


def workers_of(pid):
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(autouse=True)
def same_place(local_catchment) -> Iterator[None]:
    """Other files' tests have the Catchment as it was first, whichever of them come later."""
    yield
    assert catchments.find(local_catchment.name).port == local_catchment.port


def test_the_stack_tells_what_connect_needs(local_catchment):
    found = catchments.outputs(local_catchment)
    assert found.keys() >= catchments.NEEDED
    assert found["Catchment"] == local_catchment.name


def test_a_second_start_deploys_nothing(local_catchment):
    started = local.start(local_catchment.name)
    assert (started.was_running, started.deployed) == (True, False)


def test_expired_items_are_forgotten_as_in_aws(local_catchment, access):
    described = access.client("dynamodb").describe_time_to_live(
        TableName=catchments.outputs(local_catchment)["Table"]
    )
    assert described["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires",
    }


def test_ripples_see_the_environment_file(local_catchment, access):
    name = catchments.outputs(local_catchment)["RippleFunction"]
    variables = access.client("lambda").get_function_configuration(FunctionName=name)[
        "Environment"
    ]["Variables"]
    assert variables["GREETING"] == "hello"


def test_stop_and_start_keep_everything_and_leave_no_process(local_catchment):
    put(local_catchment, "before-stop")
    before = local.status(local_catchment.name).running
    assert local.stop(local_catchment.name)
    assert local.status(local_catchment.name).running is None
    assert not workers_of(before.pid)
    with pytest.raises(CatchmentNotRunningError, match=f"{local_catchment.name!r} is not running"):
        aws(local_catchment.name)
    assert not local.stop(local_catchment.name)
    started = local.start(local_catchment.name)
    assert (started.was_running, started.deployed, started.port) == (False, False, before.port)
    assert held(local_catchment, "before-stop")


def test_a_hard_kill_comes_back_with_the_last_checkpoint(local_catchment):
    put(local_catchment, "before-kill")
    assert eventually(lambda: checkpointed(local_catchment.name))
    pid = local.status(local_catchment.name).running.pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: local.status(local_catchment.name).running is None)
    started = local.start(local_catchment.name)
    assert (started.was_running, started.deployed) == (False, False)
    assert not workers_of(pid)
    assert held(local_catchment, "before-kill")


def test_a_message_in_flight_when_the_server_died_is_delivered_again_at_once(
    local_catchment, access
):
    queue = access.client("sqs").create_queue(
        QueueName="held", Attributes={"VisibilityTimeout": "3600"}
    )["QueueUrl"]
    access.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    assert access.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert eventually(lambda: checkpointed(local_catchment.name))
    os.kill(local.status(local_catchment.name).running.pid, signal.SIGKILL)
    local.start(local_catchment.name)
    again = aws(local_catchment.name).client("sqs").receive_message(QueueUrl=queue)
    assert [message["Body"] for message in again["Messages"]] == ["hello"]


def test_a_port_taken_by_another_program_is_left_alone(local_catchment):
    before = catchments.find(local_catchment.name).port
    local.stop(local_catchment.name)
    with socket.create_server(("127.0.0.1", before)):
        started = local.start(local_catchment.name)
        assert started.port != before
        assert f"Port {before} is taken" in started.notices[0]
    assert catchments.find(local_catchment.name).port == started.port
    assert delivered(catchments.find(local_catchment.name), "moved@1")
    # Back to where the other tests look for it.
    local.stop(local_catchment.name)
    local.disconnect(local_catchment.name)
    local.init(local_catchment.name, port=before)
    assert local.start(local_catchment.name).port == before


def test_a_running_catchment_is_not_forgotten(local_catchment):
    with pytest.raises(OperatorError, match="is running") as refused:
        local.disconnect(local_catchment.name)
    assert refused.value.hint == f"Stop it first: duckstring catchment stop {local_catchment.name}"
    assert catchments.find(local_catchment.name)


def test_a_second_server_cannot_have_the_same_folder(local_catchment):
    folder, running = (
        catchment_folder(local_catchment.name),
        local.status(local_catchment.name).running,
    )
    with pytest.raises(OperatorError, match=f"belongs to another server: .*{running.pid}"):
        process.launch(
            name=local_catchment.name,
            folder=folder,
            port=process.free_port(),
            python=process.Path(sys.executable),
        )
    assert local.status(local_catchment.name).running.pid == running.pid


def test_a_server_that_the_registry_lost_is_adopted(local_catchment):
    before = local.status(local_catchment.name).running
    catchments.remove(local_catchment.name)
    notices = []
    local.init(local_catchment.name, port=process.free_port(), on_notice=notices.append)
    assert "taken up again" in notices[0]
    started = local.start(local_catchment.name)
    assert (started.was_running, started.deployed, started.port) == (True, False, before.port)
    assert local.status(local_catchment.name).running.pid == before.pid
    local.stop(local_catchment.name)
    local.disconnect(local_catchment.name)
    local.init(local_catchment.name, port=before.port)
    started = local.start(local_catchment.name)
    assert (started.was_running, started.deployed) == (False, False)
    assert catchments.outputs(catchments.find(local_catchment.name)).keys() >= catchments.NEEDED


@pytest.mark.parametrize("failure", [OperatorError("refused"), KeyboardInterrupt()])
def test_a_first_start_that_fails_leaves_nothing_running(local_catchment, monkeypatch, failure):
    def refuse(*_, **__):
        assert process.ask(catchment_folder("halfway"), catchments.find("halfway").port)
        with pytest.raises(OperatorError, match="is not deployed yet"):
            catchments.outputs(catchments.find("halfway"))
        raise failure

    local.init("halfway", port=process.free_port())
    try:
        with monkeypatch.context() as patched:
            patched.setattr(local, "deploy", refuse)
            with pytest.raises(type(failure)):
                local.start("halfway")
        assert local.status("halfway").running is None
        assert not process.is_held(catchment_folder("halfway"))
    finally:
        local.delete("halfway")


def test_a_redeployment_that_fails_leaves_the_catchment_running(local_catchment, monkeypatch):
    def refuse(*_, **__):
        raise OperatorError("refused")

    monkeypatch.setattr(local, "deploy", refuse)
    monkeypatch.setattr(local, "_tag", lambda _: "another")
    with pytest.raises(OperatorError, match="refused"):
        local.start(local_catchment.name)
    assert local.status(local_catchment.name).running


def test_a_server_that_cannot_start_says_why(local_catchment):
    folder = catchment_folder(local_catchment.name)
    with pytest.raises(OperatorError, match="did not start"):
        process.launch(
            name="x", folder=folder, port=process.free_port(), python=process.Path("/bin/false")
        )


def test_an_unknown_catchment_is_answered_with_the_nearest_name(local_catchment):
    with pytest.raises(CatchmentNotFoundError, match="Did you mean 'test'"):
        local.start("tset")


def test_a_name_and_a_port_that_are_taken_are_refused(local_catchment):
    with pytest.raises(OperatorError, match="already"):
        local.init(local_catchment.name)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(OperatorError, match="is taken by another program"),
    ):
        local.init("other", port=server.getsockname()[1])


@pytest.mark.parametrize("name", ["Dev", "1a", "", "a b"])
def test_a_bad_name_is_refused(duckstring_home, name):
    with pytest.raises(OperatorError, match="cannot be a Catchment's name"):
        local.init(name)


def readable_by_others(folder: Path) -> set[Path] | None:
    """Of what lies there; None: a checkpoint of the server's took something away meanwhile."""
    try:
        return {
            path
            for path in folder.rglob("*")
            if not path.is_symlink() and path.stat().st_mode & 0o077
        }
    except FileNotFoundError:
        return None


def test_a_catchment_of_an_earlier_release_is_closed_at_its_next_start(local_catchment):
    """Its server runs, asks nobody for a key, and has left everything readable."""
    put(catchments.find(local_catchment.name), "from before")
    folder, before = (
        catchment_folder(local_catchment.name),
        local.status(local_catchment.name).running,
    )
    assert process.ask(folder, before.port, method="POST")
    key = read_key(folder)
    key_file(folder).unlink()
    claim = json.loads((folder / "server.json").read_text())
    (folder / "server.json").write_text(
        json.dumps({name: value for name, value in claim.items() if name != "guarded"})
    )
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink() and path.exists():
            path.chmod(path.stat().st_mode | 0o044)
    notices = []
    started = local.start(local_catchment.name, on_notice=notices.append)
    after = local.status(local_catchment.name).running
    assert (started.was_running, started.port, ["earlier release" in one for one in notices]) == (
        False,
        before.port,
        [True],
    )
    assert after.pid != before.pid
    assert read_key(folder) not in {None, key}
    while (found := readable_by_others(folder)) is None:
        pass
    assert found == set()
    assert held(catchments.find(local_catchment.name), "from before")
