"""``python -m bench.incident``: a Catchment in which three things are wrong. Find out what."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.incident.faults import BY_NAME, Fault, draw, in_order
from bench.incident.place import ExerciseError, Place, place
from duckstring.errors import DuckstringError

FOLDER = Path(__file__).parents[2] / ".build" / "incident"
ROUNDS = 3
"""Passes before anything is wrong: ``why`` reckons with what runs took before."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.incident", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which faults; 1 unless given")
    parser.add_argument(
        "--faults", nargs="+", choices=[*BY_NAME], metavar="NAME",
        help=f"these in the place of the seed's: {', '.join(BY_NAME)}",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where it lies")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--solution", action="store_true", help="print the causes")
    what.add_argument("--symptoms", action="store_true", help="print the symptoms again")
    what.add_argument("--down", action="store_true", help="end the exercise")
    asked = parser.parse_args()
    try:
        with place(asked.folder.resolve()) as one:
            if asked.down:
                one.down()
                print("Nothing of it is left.")
            elif asked.solution:
                _explain(_planted(one))
            elif asked.symptoms:
                _tell(one)
            else:
                chosen = [BY_NAME[name] for name in asked.faults or ()]
                _begin(one, in_order(chosen) or draw(asked.seed))
    except (ExerciseError, DuckstringError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _begin(one: Place, faults: list[Fault]) -> None:
    one.make()
    one.settle(ROUNDS)
    one.note(faults=[fault.name for fault in faults])
    symptoms = []
    for number, fault in enumerate(faults, 1):
        one.say(f"Something happens, {number} of {len(faults)}")
        fault.plant(one)
        symptoms.append(symptom(one, fault))
    one.note(symptoms=symptoms)
    _tell(one)


def symptom(one: Place, fault: Fault) -> str:
    """What somebody reports now."""
    since = one.line(fault.outlet)["end_f"][11:19] if fault.outlet else ""
    return fault.symptom.format(since=f"{since} UTC")


def _planted(one: Place) -> list[Fault]:
    names = one.noted().get("faults")
    if not isinstance(names, list):
        raise ExerciseError("There is no exercise. Begin one: python -m bench.incident --seed 1")
    return [BY_NAME[name] for name in names]


def _tell(one: Place) -> None:
    _planted(one)
    symptoms = one.noted().get("symptoms")
    print("\nPeople report:\n")
    for each in symptoms if isinstance(symptoms, list) else ():
        print(f"  - {each}")
    print(
        f"\nFind the causes. Reach the Catchment with:\n\n  export DUCKSTRING_HOME={one.home}\n"
        "  duckstring status      the Ponds of shop, money and freight\n"
        "  duckstring ui          the page\n\n"
        f"The projects are in {one.projects}.\n"
        "The causes: python -m bench.incident --solution\n"
        "The end:    python -m bench.incident --down"
    )


def _explain(faults: list[Fault]) -> None:
    for fault in faults:
        print(f"\n{fault.name}\n  {fault.cause}")
        for command in fault.evidence:
            print(f"    duckstring {command}")
        print(f"  To mend it: {fault.mend}")


if __name__ == "__main__":
    sys.exit(main())
