"""``python -m bench.chaos``: the campaign, and its table."""

from __future__ import annotations

import argparse
import signal
import sys

from bench.chaos.campaign import Campaign
from bench.chaos.plan import BY_NAME, batches, plan
from bench.chaos.stage import stage
from bench.table import machine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=3, help="rounds that are made side by side")
    parser.add_argument(
        "--faults",
        nargs="*",
        default=[],
        choices=[*BY_NAME, []],
        metavar="NAME",
        help=f"of {', '.join(BY_NAME)}",
    )
    asked = parser.parse_args()
    # The Catchment would outlive us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rounds = plan(asked.rounds, asked.seed, faults=asked.faults)
    with stage(function_timeout=30) as one:
        campaign = Campaign(one, lanes=asked.lanes)
        try:
            for batch in batches(rounds, asked.lanes):
                campaign.play(batch)
        except KeyboardInterrupt:
            pass
    print(f"\n{campaign.table()}\n\n{machine()}, seed {asked.seed}, {asked.lanes} lanes")
    for violation in campaign.violations:
        print(f"VIOLATION {violation}")
    return 1 if campaign.violations else 0


if __name__ == "__main__":
    sys.exit(main())
