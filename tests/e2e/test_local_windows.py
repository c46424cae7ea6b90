"""The emulator's batches of messages, in the emulator's own interpreter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import duckstring_cli
from duckstring_cli.local.tools import ensure_tools

SCRIPT = """
import json, sys, types

for name in ("duckstring_cli", "duckstring_cli.local"):
    package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name.removeprefix("duckstring_cli").replace(".", "/")]
    sys.modules[name] = package

from duckstring_cli.local.patches import windows
from duckstring_cli.local.patches.queues import guard_queues
from ministack.services import lambda_svc, sqs

guard_queues()
windows.gather_batches()
clock = [1000.0]
windows.time = types.SimpleNamespace(time=lambda: clock[0])
sqs.time = types.SimpleNamespace(time=lambda: clock[0], sleep=lambda _: None)
urls = {}
for name in ("soon", "later"):
    urls[name] = sqs._act_create_queue({"QueueName": name}, "")["QueueUrl"]
arn = sqs._queues[urls["later"]]["attributes"]["QueueArn"]
mapping = {"UUID": "m", "EventSourceArn": arn, "MaximumBatchingWindowInSeconds": 60}
lambda_svc._esms["m"] = mapping

def send(name):
    sqs._act_send_message({"QueueUrl": urls[name], "MessageBody": "x"}, "")

def taken(name, most=100):
    return len(sqs._receive_messages_for_esm(urls[name], most))

said = []
for name in urls:
    send(name)
said.append([taken("soon"), taken("later")])
clock[0] += 59
for _ in range(20):
    send("later")
said.append(taken("later"))
clock[0] += 2
said.append(taken("later"))
for _ in range(5):
    send("later")
said.append([taken("later", 6), taken("later", 5)])
print(json.dumps(said))
"""


def test_a_function_gets_what_came_within_its_window_together():
    python = ensure_tools(lambda _step: None).emulator_python
    folder = Path(duckstring_cli.__file__).parent
    ended = subprocess.run(
        [str(python), "-c", SCRIPT, str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    # At once without a window; then all 21 when the first has waited for it; a full batch at once.
    assert json.loads(ended.stdout.splitlines()[-1]) == [[1, 0], 0, 21, [0, 5]]
