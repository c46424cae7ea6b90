"""`duckstring deploy`: which projects, which packages, and what it says next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commands_kit import Bench, deployed, project


def test_a_folder_tree_is_deployed_in_one_call_and_only_what_is_new_is_uploaded(
    bench: Bench, bucket: Any, tmp_path: Path
) -> None:
    project(tmp_path, "sales")
    project(tmp_path / "deeper", "reports", more='[sources]\nsales = "1.0.0"\n')
    project(tmp_path / ".venv", "hidden")
    bench.answers(deployed("sales@1", "reports@1", warnings=["[b]careful"]))
    code, out, err = bench.run("deploy", str(tmp_path), "--all")
    assert code == 0
    assert "sales@1    1.0.0    deployed  load" in out
    assert "warning: [b]careful" in err
    (request,) = bench.asked
    ponds = request["ponds"]
    assert isinstance(ponds, list)
    assert {pond["manifest"]["pond"]["name"] for pond in ponds} == {"sales", "reports"}
    held = {
        found["Key"]: found["LastModified"]
        for found in bucket.list_objects_v2(Bucket="the-bucket")["Contents"]
    }
    assert set(held) == {pond["artifact"] for pond in ponds}
    assert all(pond["artifact"].endswith(f"{pond['sha256']}.zip") for pond in ponds)
    bucket.put_object_tagging(
        Bucket="the-bucket", Key=min(held), Tagging={"TagSet": [{"Key": "first", "Value": "yes"}]}
    )
    bench.run("deploy", str(tmp_path), "--all")
    assert bucket.get_object_tagging(Bucket="the-bucket", Key=min(held))["TagSet"] == [
        {"Key": "first", "Value": "yes"}
    ]


def test_a_version_that_does_not_run_yet_is_not_called_deployed(
    bench: Bench, bucket: Any, tmp_path: Path
) -> None:
    root = project(tmp_path, "sales")
    bench.answers(
        deployed("sales@1", waits_for=["sales@1/4"], warnings=["sales@1 runs 1.0.0 still"])
    )
    code, out, err = bench.run("deploy", str(root))
    assert code == 0
    assert "sales@1  1.0.0    waits for sales@1/4" in out
    assert "warning: sales@1 runs 1.0.0 still" in err
    bench.answers(deployed("sales@1", waits_for=["sales@1/4", "sales@1/5"], unchanged=True))
    assert "waits for sales@1/4 and 1 more" in bench.run("deploy", str(root))[1]


def test_the_faults_of_every_pond_toml_are_told_before_anything_is_asked(
    bench: Bench, tmp_path: Path
) -> None:
    project(tmp_path, "sales", version="one", more="immediate_retries = -1\n")
    project(tmp_path, "reports", more="[sources]\nreports = '1.0.0'\n")
    code, out, err = bench.run("deploy", str(tmp_path), "--all")
    assert (code, out, bench.asked) == (2, "", [])
    faults = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(faults) == 3
    assert sum("sales/pond.toml" in fault for fault in faults) == 2


@pytest.mark.parametrize("killed", [False, True])
def test_a_killed_line_is_not_offered_to_be_triggered(
    bench: Bench, bucket: Any, tmp_path: Path, killed: bool
) -> None:
    root = project(tmp_path, "sales")
    bench.answers(deployed("sales@1", killed=killed))
    code, _, err = bench.run("deploy", str(root))
    assert code == 0
    assert ("trigger pulse sales" in err) is not killed


def test_the_next_step_names_the_major_where_the_name_alone_means_another(
    bench: Bench, bucket: Any, tmp_path: Path
) -> None:
    root = project(tmp_path, "sales")
    for default, said in (
        (True, "trigger pulse sales --watch"),
        (False, "trigger pulse sales -m 1 --watch"),
    ):
        answer = deployed("sales@1")
        answer["deploy"]["ponds"][0]["default"] = default
        bench.answers(answer)
        assert said in bench.run("deploy", str(root))[2]


def test_a_project_is_found_from_any_folder_of_it(
    bench: Bench, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(tmp_path, "sales")
    monkeypatch.chdir(root / "src")
    bench.answers(deployed("sales@1"))
    assert bench.run("deploy")[0] == 0
    (root / "src" / "deeper").mkdir()
    assert bench.run("deploy", str(root / "src" / "deeper"))[0] == 0
    assert [request["ponds"][0]["manifest"]["pond"]["name"] for request in bench.asked] == [
        "sales",
        "sales",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "[pond]\nname = 'sales'\nversion = '1.0.0'\n".encode("utf-16"),
            "sales/pond.toml is UTF-16 text; allowed: UTF-8.",
        ),
        (
            b"[pond]\nname = 'caf\xe9'\n",
            "sales/pond.toml:2: found the byte 0xe9, which is not UTF-8",
        ),
        (None, "sales/pond.toml is a link to pond.toml, which leads to no file."),
    ],
)
def test_a_pond_toml_that_cannot_be_read_is_one_line(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    root = project(tmp_path, "sales")
    (root / "pond.toml").unlink()
    if content is None:
        (root / "pond.toml").symlink_to("pond.toml")
    else:
        (root / "pond.toml").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    code, out, err = bench.run("deploy", "sales")
    assert (code, out, bench.asked) == (2, "", [])
    assert err.startswith(f"error: {said}")
    assert err.count("error: ") == 1


def test_a_fault_of_one_package_of_several_names_its_project(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        project(tmp_path, name)
    (tmp_path / "b" / "src" / "pond.py").unlink()
    (tmp_path / "c" / "src" / "pond.py").write_bytes("x = 1".encode("utf-16"))
    monkeypatch.chdir(tmp_path)
    code, _, err = bench.run("deploy", "--all")
    assert (code, bench.asked) == (2, [])
    assert "error: b: pond.toml names src/pond.py for its Ripples; there is no such file.\n" in err
    assert "error: c: src/pond.py is UTF-16 text; allowed: UTF-8.\n" in err
    assert "error: src/pond.py is UTF-16 text; allowed: UTF-8.\n" in bench.run("deploy", "c")[2]


def test_a_folder_above_some_ponds_is_not_deployed_unasked(bench: Bench, tmp_path: Path) -> None:
    project(tmp_path, "sales")
    code, _, err = bench.run("deploy", str(tmp_path))
    assert code == 2
    assert "1 below it (sales)" in err
    assert f"duckstring deploy {tmp_path} --all" in err


@pytest.mark.parametrize(
    ("paths", "hint"),
    [
        (["a", "b"], "duckstring deploy --all"),
        (
            ["t/a", "t/b c"],
            (
                "duckstring deploy t --all\nhint: Or one after the other: duckstring deploy t/a && "
                "duckstring deploy 't/b c'"
            ),
        ),
    ],
)
def test_several_paths_are_refused_with_commands_that_deploy_them(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = bench.run("deploy", *paths)
    assert (code, out, bench.asked) == (2, "", [])
    assert err.startswith(f"error: deploy takes one PATH; found 2: {', '.join(paths)}.\nhint: ")
    assert hint in err
