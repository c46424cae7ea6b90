"""The emulator's queues under many threads, in the emulator's own interpreter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import duckstring_cli
from duckstring_cli.local.tools import ensure_tools

SENT = 4 * 1500
SCRIPT = """
import json, sys, threading, types

for name in ("duckstring_cli", "duckstring_cli.local"):
    package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name.removeprefix("duckstring_cli").replace(".", "/")]
    sys.modules[name] = package

from duckstring_cli.local.patches.queues import guard_queues
from ministack.services import sqs

guard_queues()
sys.setswitchinterval(1e-6)
wanted = {"QueueName": "letters.fifo", "Attributes": {"FifoQueue": "true"}}
url = sqs._act_create_queue(wanted, "")["QueueUrl"]
failed, seen, over = [], [], threading.Event()

def send(sender):
    for number in range(1500):
        body = f"{sender}-{number}"
        asked = {"QueueUrl": url, "MessageBody": body, "MessageDeduplicationId": body}
        asked["MessageGroupId"] = f"g{sender}-{number % 7}"
        try:
            post = sqs._HANDLERS["SendMessage"] if sender % 2 else sqs._act_send_message
            post(asked, "")
        except Exception as error:
            failed.append(repr(error))

def poll():
    idle = 0
    while not (over.is_set() and idle > 2):
        batch = sqs._receive_messages_for_esm(url, 10)
        idle = 0 if batch else idle + 1
        seen.extend(message["body"] for message in batch)
        sqs._delete_messages_for_esm(url, {message["receipt_handle"] for message in batch})

senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
poller = threading.Thread(target=poll)
for thread in (poller, *senders):
    thread.start()
for thread in senders:
    thread.join()
over.set()
poller.join()
print(json.dumps({"failed": failed[:3], "seen": len(seen), "different": len(set(seen))}))
"""


def test_no_message_is_lost_between_those_who_send_and_those_who_take():
    python = ensure_tools(lambda _step: None).emulator_python
    folder = Path(duckstring_cli.__file__).parent
    ended = subprocess.run(
        [str(python), "-c", SCRIPT, str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {
        "failed": [],
        "seen": SENT,
        "different": SENT,
    }
