"""What is used of the emulator is declared, and an emulator that lacks it is refused."""

from __future__ import annotations

import ast
import sys
import threading
import types
from pathlib import Path

import pytest

from duckstring_cli import errors
from duckstring_cli.local import patches, process
from duckstring_cli.local.patches import check
from duckstring_cli.local.patches.declared import Names
from duckstring_cli.local.patches.expected import EXPECTED, MINISTACK

LOCAL = Path(patches.__file__).parents[1]
PATCHES = LOCAL / "patches"
ROOT = Path(__file__).parents[3]
NO_PATCHES = {"__init__", "check", "declared", "expected"}
NOT_THE_EMULATORS = {
    ("os", "_exit"),
    ("signer", "_get_date"),  # botocore's
}


class Worker:
    """As the emulator's."""

    kind: str

    def __init__(self):
        self._proc = None

    def spawn(self):
        return self._proc, 0.15


def act(data, url, *, limit=3):
    """As an action of the emulator's."""
    return data, url, limit


async def answer(scope):
    return scope


@pytest.fixture
def emulator(monkeypatch):
    """A module that stands for the emulator's."""
    package, module = types.ModuleType("fake"), types.ModuleType("fake.queues")
    package.queues = module
    module.__dict__.update(
        act=act,
        answer=answer,
        lock=threading.Lock(),
        queues={},
        handlers={"Send": act},
        Worker=Worker,
    )
    monkeypatch.setitem(sys.modules, "fake", package)
    monkeypatch.setitem(sys.modules, "fake.queues", module)
    return module


DECLARED = {
    "a function that is called": (lambda names: names.called("queues", "act", "data url"), "act"),
    "by name": (lambda names: names.called("queues", "act", "data url", named="limit"), "act"),
    "a function that is replaced": (
        lambda names: names.replaced("queues", "act", "data url limit"),
        "act",
    ),
    "an asynchronous function": (
        lambda names: names.replaced("queues", "answer", "scope", is_async=True),
        "answer",
    ),
    "a value": (lambda names: names.value("queues", "lock", "lock"), "lock"),
    "a table": (
        lambda names: names.table("queues", "handlers", {"Send": "data url limit"}),
        "handlers",
    ),
    "a method": (lambda names: names.replaced("queues", "Worker.spawn", "self"), "Worker"),
    "an attribute": (lambda names: names.attribute("queues", "Worker._proc"), "Worker"),
    "an annotated attribute": (lambda names: names.attribute("queues", "Worker.kind"), "Worker"),
    "a constant": (lambda names: names.mentioned("queues", "Worker.spawn", 0.15), "Worker"),
}


@pytest.mark.parametrize(("declare", "name"), DECLARED.values(), ids=DECLARED)
def test_what_is_there_has_no_fault_and_what_was_removed_is_missing(emulator, declare, name):
    names = Names("fake")
    declare(names)
    (one,) = names
    assert one.fault() == ""
    delattr(emulator, name)
    assert one.fault() == "is missing"


def other(data, context):
    return data, context


OTHERS = {
    "other parameters": (
        lambda names: names.replaced("queues", "act", "data url"),
        {"act": other},
        "takes (data, context); expected (data, url)",
    ),
    "one more parameter where ours stands in its place": (
        lambda names: names.replaced("queues", "act", "data url"),
        {},
        "takes (data, url, limit); expected (data, url)",
    ),
    "one more parameter that must be given": (
        lambda names: names.called("queues", "act", "data"),
        {},
        "takes (data, url, limit); it is called with (data)",
    ),
    "a parameter of another name": (
        lambda names: names.called("queues", "act", "data url", named="most"),
        {},
        "takes (data, url, limit); it is called with (data, url, most=)",
    ),
    "not asynchronous any more": (
        lambda names: names.replaced("queues", "act", "data url limit", is_async=True),
        {},
        "is not asynchronous",
    ),
    "asynchronous": (
        lambda names: names.replaced("queues", "answer", "scope"),
        {},
        "is asynchronous",
    ),
    "no function": (lambda names: names.called("queues", "act"), {"act": 3}, "is not a function"),
    "another class": (
        lambda names: names.value("queues", "queues", "dict"),
        {"queues": []},
        "is of the class list; expected dict",
    ),
    "an action that is gone": (
        lambda names: names.table("queues", "handlers", {"Send": "", "Purge": ""}),
        {},
        "has no Purge",
    ),
    "an action with other parameters": (
        lambda names: names.table("queues", "handlers", {"Send": "data url limit"}),
        {"handlers": {"Send": other}},
        "[Send] takes (data, context); expected (data, url, limit)",
    ),
    "an attribute that nobody sets": (
        lambda names: names.attribute("queues", "Worker._process"),
        {},
        "is missing",
    ),
    "another constant": (
        lambda names: names.mentioned("queues", "Worker.spawn", 0.2),
        {},
        "has no 0.2 in its code",
    ),
    "no such module": (
        lambda names: names.called("topics", "act"),
        {},
        "cannot be found: there is no such module",
    ),
}


@pytest.mark.parametrize(("declare", "put", "fault"), OTHERS.values(), ids=OTHERS)
def test_what_is_not_as_declared_is_a_fault(emulator, declare, put, fault):
    emulator.__dict__.update(put)
    names = Names("fake")
    declare(names)
    (one,) = names
    assert one.fault() == fault


def test_a_module_that_is_not_loaded_is_read_and_not_imported(tmp_path, monkeypatch):
    package = tmp_path / "unloaded"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "deep" / "__init__.py").write_text("raise SystemExit")
    (package / "deep" / "late.py").write_text("_pending: dict = {}\n_other = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = Names("unloaded")
    for name in ("_pending", "_other", "_gone"):
        names.unloaded("deep.late", name)
    names.unloaded("deep.nowhere", "_pending")
    assert [one.fault() for one in names] == [
        "",
        "",
        "is missing",
        "cannot be found: there is no such module",
    ]
    assert not [name for name in sys.modules if name.startswith("unloaded.")]


def test_one_error_names_the_releases_each_fault_its_patches_and_what_to_do(emulator):
    names, others = Names("fake"), Names("fake")
    names.called("queues", "act", "data url")
    names.value("queues", "_gone", "dict")
    others.value("queues", "_gone", "dict")
    others.value("queues", "lock", "dict")
    before = dict(vars(emulator))
    with pytest.raises(check.ChangedEmulatorError) as refused:
        check.require({"queues": names, "tasks": others})
    opening, *faults, hint = str(refused.value).splitlines()
    # The fake package has a release neither here nor there.
    assert opening.startswith(check.OPENING)
    assert f"ministack {check.installed('ministack')} is installed, {MINISTACK} is exp" in opening
    assert faults == [
        "fake.queues._gone is missing (needed by the patch queues, tasks)",
        "fake.queues.lock is of the class lock; expected dict (needed by the patch tasks)",
    ]
    assert hint.startswith(check.HINT)
    assert f"install --force-reinstall 'ministack=={MINISTACK}'" in hint
    assert vars(emulator) == before


def test_the_command_takes_the_error_out_of_the_servers_log_and_ends_with_2():
    log = f"what the emulator said\n{check.OPENING}x.\na is missing\n{check.HINT}pip install y\n"
    error = process._wrong_emulator(log)
    assert error.message == f"{check.OPENING}x.\na is missing"
    assert error.hint == "pip install y"
    assert errors.exit_code(error) == 2


def test_without_the_emulator_every_name_of_it_is_missing():
    """This interpreter has none: so whatever a patch declares is compared. It has what the
    emulator is served with, since the web page is, too.
    """
    assert "ministack" in EXPECTED
    with pytest.raises(check.ChangedEmulatorError) as refused:
        check.require()
    names = [name.path for used in check.declared().values() for name in used]
    missing = [path for path in names if not path.startswith("uvicorn.")]
    assert len(missing) > 100
    for path in missing:
        assert f"{path} cannot be found" in str(refused.value)


def sources(folder):
    return {path.relative_to(ROOT): path for path in sorted(folder.rglob("*.py"))}


def private_names(tree):
    """(line, owner, name) of each attribute with an underscore that is not the code's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner not in {"self", "cls"} and (owner, node.attr) not in NOT_THE_EMULATORS:
                yield node.lineno, owner, node.attr
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if node.func.id in {"getattr", "setattr", "hasattr", "delattr"} and any(
                map(is_private, given)
            ):
                yield node.lineno, node.func.id, given[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (
                (node.lineno, node.module, one.name) for one in node.names if is_private(one.name)
            )


def is_private(name):
    return isinstance(name, str) and name.startswith("_") and not name.endswith("__")


@pytest.mark.parametrize("path", sources(LOCAL).values(), ids=map(str, sources(LOCAL)))
def test_no_private_name_of_another_is_used_but_by_what_a_patch_declares(path):
    assert list(private_names(ast.parse(path.read_text()))) == []


def reaches(tree):
    """Lines that import the emulator or uvicorn, or name a module of theirs to something that
    imports.
    """
    for node in ast.walk(tree):
        named = []
        if isinstance(node, ast.Import):
            named = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = [node.module or ""]
        elif isinstance(node, ast.Call):
            named = [one.value for one in node.args if isinstance(one, ast.Constant)]
            named += [
                one.values[0].value
                for one in node.args
                if isinstance(one, ast.JoinedStr) and isinstance(one.values[0], ast.Constant)
            ]
        if any(str(one).split(".")[0] == "ministack" and is_dotted(one) for one in named):
            yield node.lineno


def is_dotted(name):
    return str(name).replace(".", "").replace("_", "").isalnum()


EVERYWHERE = sources(ROOT / "cli") | sources(ROOT / "bench")


@pytest.mark.parametrize("path", EVERYWHERE.values(), ids=map(str, EVERYWHERE))
def test_nobody_imports_the_emulator_but_the_declared_names(path):
    allowed = {PATCHES / "check.py", PATCHES / "declared.py"}
    assert path in allowed or list(reaches(ast.parse(path.read_text()))) == []


def test_a_use_that_is_not_declared_is_found():
    uses = (
        "import ministack.app",
        "from ministack.services import sqs",
        "importlib.import_module('ministack.services.sqs')",
        "importlib.import_module(f'ministack.{name}')",
    )
    assert all(list(reaches(ast.parse(use))) for use in uses)
    names = (
        "sqs._queues",
        "sqs._queues = 3",
        "worker()._proc",
        "getattr(sqs, '_queues')",
        "setattr(sqs, '_queues', 3)",
        "from somewhere import _queues",
    )
    assert all(list(private_names(ast.parse(name))) for name in names)
    own = ("self._queues", "cls._queues", "sqs.__name__", "os._exit(1)")
    assert not any(list(private_names(ast.parse(name))) for name in own)


PATCH_MODULES = {path.stem: path for path in PATCHES.glob("*.py") if path.stem not in NO_PATCHES}


def test_every_patch_is_checked():
    assert set(check.declared()) == set(PATCH_MODULES)
    assert all(list(names) for names in check.declared().values())


@pytest.mark.parametrize("path", PATCH_MODULES.values(), ids=PATCH_MODULES)
def test_a_patch_gives_its_reason_and_declares_by_one_list(path):
    tree = ast.parse(path.read_text())
    reason = ast.get_docstring(tree)
    assert "\nAWS: " in reason
    assert "\nFor us: " in reason
    made = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Name", "Names"}
    ]
    assert len(made) == 1
    assert made[0].startswith("Names(")


def test_the_documentation_lists_every_patch():
    page = (ROOT / "docs" / "local.md").read_text()
    table = page.partition("| patch | what it does |")[2].partition("\n\n")[0]
    listed = [line.split("`")[1] for line in table.splitlines() if "`" in line]
    assert listed == sorted(PATCH_MODULES)
