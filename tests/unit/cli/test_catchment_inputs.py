"""What a user gives a local Catchment is checked before anything is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duckstring_cli import catchments, main
from duckstring_cli.local.deployment import Source
from duckstring_cli.local.home import catchment_folder
from duckstring_cli.local.inputs import enforces_iam


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DUCKSTRING_CATCHMENT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_every_fault_of_an_environment_file_is_told_with_its_line(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    (home / "dev.env").write_text("GOOD=1\nnonsense\n# a comment\nAWS_REGION=x\n")
    code, _, err = run(capsys, "catchment", "init", "--env-file", "dev.env")
    assert code == 2
    assert "dev.env:2: 'nonsense' cannot be set" in err
    assert "dev.env:4: AWS_REGION belongs to Lambda" in err
    assert not catchments.catchments()


def test_all_variables_together_must_fit(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    (home / "dev.env").write_text(f"ONE={'x' * 2000}\nTWO={'x' * 2000}\n")
    assert "dev.env: 4006 bytes" in run(capsys, "catchment", "init", "--env-file", "dev.env")[2]


def test_every_fault_of_a_requirements_file_is_told_with_its_line(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    good = (
        "# tools\npandas>=2 # frames\n\n--index-url https://example.com/simple\n"
        "numpy==2.1 --hash=sha256:00\nurllib3 @ https://a.b/c.whl\n"
    )
    (home / "needs.txt").write_text(good + "pandas=>2\n-r more.txt\n./wheel.whl\n")
    code, _, err = run(capsys, "catchment", "init", "--requirements", "needs.txt")
    assert code == 2
    assert "needs.txt:7: 'pandas=>2' is not a requirement" in err
    assert "needs.txt:8: '-r more.txt' names another file" in err
    assert "needs.txt:9: './wheel.whl' names another file" in err
    assert "needs.txt:5" not in err
    (home / "needs.txt").write_text(good)
    assert run(capsys, "catchment", "init", "--requirements", "needs.txt")[0] == 0


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "catchment", "init", "--env-file", "no.env")[2].startswith(
        "error: no.env cannot be read: No such file"
    )


def test_the_buckets_to_hear_of_are_checked_kept_and_taken_back(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    code, _, err = run(capsys, "catchment", "init", "--arrivals", "landing,In_Box")
    assert (code, "--arrivals landing,In_Box: 'In_Box' is not a valid bucket name." in err) == (
        1,
        True,
    )
    assert run(capsys, "catchment", "init", "--arrivals", "landing, inbox")[0] == 0
    assert "arrivals: landing,inbox\n" in run(capsys, "catchment", "configure")[1]
    before = Source("dev", catchment_folder("dev")).digest()
    assert "arrivals: none\n" in run(capsys, "catchment", "configure", "--arrivals", "")[1]
    assert Source("dev", catchment_folder("dev")).digest() != before, "the next start deploys it"


def test_the_functions_time_limit_is_checked_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "catchment", "init", "--function-timeout", "20")
    assert (code, err.partition("\n")[0]) == (2, "error: --function-timeout 20: not allowed.")
    assert not catchments.catchments()
    assert run(capsys, "catchment", "init", "--function-timeout", "60")[0] == 0
    before = Source("dev", catchment_folder("dev")).digest()
    assert (
        "function timeout: 45 seconds\n"
        in run(capsys, "catchment", "configure", "--function-timeout", "45")[1]
    )
    assert Source("dev", catchment_folder("dev")).digest() != before, "the next start deploys it"


def test_configure_shows_and_replaces_what_is_kept(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert run(capsys, "catchment", "init")[0] == 0
    assert run(capsys, "catchment", "configure")[1] == (
        "requirements: none\nenvironment: none\narrivals: none\nfunction timeout: 900 seconds\n"
        "roles: not enforced\nIceberg tables: no\nOpenLineage: off\n"
    )
    (home / "needs.txt").write_text("pandas\n")
    code, out, err = run(capsys, "catchment", "configure", "dev", "-r", "needs.txt")
    kept = catchment_folder("dev") / "requirements.txt"
    assert (code, kept.read_text()) == (0, "pandas\n")
    assert f"requirements: {kept}" in out
    assert "duckstring catchment start dev" in err
    (home / "needs.txt").write_text("=\n")
    assert run(capsys, "catchment", "configure", "-r", "needs.txt")[0] == 2
    assert kept.read_text() == "pandas\n"


def test_roles_are_enforced_if_that_is_asked_for_and_until_it_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(capsys, "catchment", "init", "--iam")[0] == 0
    assert enforces_iam(catchment_folder("dev"))
    assert run(capsys, "catchment", "configure", "--function-timeout", "60")[0] == 0
    assert enforces_iam(catchment_folder("dev"))
    code, out, err = run(capsys, "catchment", "configure", "--no-iam")
    assert code == 0
    assert "roles: not enforced" in out
    assert "duckstring catchment start dev" in err
    assert not enforces_iam(catchment_folder("dev"))


def test_a_receiver_of_lineage_is_told_if_its_address_is_given_and_until_it_is_off(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    url = "http://127.0.0.1:5000/api/v1/lineage"
    assert run(capsys, "catchment", "init", "--openlineage", url)[0] == 0
    assert f"OpenLineage: {url}" in run(capsys, "catchment", "configure")[1]
    code, _, err = run(capsys, "catchment", "configure", "--openlineage", "https://me:pw@host/x")
    assert (code, err.splitlines()[0]) == (
        2,
        "error: --openlineage: it has a user, a password or a #.",
    )
    told = json.loads(run(capsys, "catchment", "configure", "--json")[1])
    assert told["openlineage"] == url
    code, out, _ = run(capsys, "catchment", "configure", "--openlineage", "off")
    assert (code, "OpenLineage: off" in out) == (0, True)


def test_iceberg_tables_are_made_if_that_is_asked_for_and_until_it_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(capsys, "catchment", "init", "--iceberg")[0] == 0
    assert "Iceberg tables: yes" in run(capsys, "catchment", "configure")[1]
    before = Source("dev", catchment_folder("dev")).digest()
    code, out, _ = run(capsys, "catchment", "configure", "--no-iceberg")
    assert (code, "Iceberg tables: no" in out) == (0, True)
    assert Source("dev", catchment_folder("dev")).digest() != before, "so it is deployed again"


def test_a_name_that_could_begin_anothers_databases_is_refused_with_iceberg_tables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "catchment", "init", "-n", "prod--eu", "--iceberg")
    assert (code, "no two hyphens in a row" in err) == (2, True)
    assert run(capsys, "catchment", "init", "-n", "prod--eu")[0] == 0
    assert run(capsys, "catchment", "configure", "prod--eu", "--iceberg")[0] == 2


def test_init_says_that_old_state_is_taken_up_again(capsys: pytest.CaptureFixture[str]) -> None:
    (catchment_folder("dev") / "state").mkdir(parents=True)
    code, _, err = run(capsys, "catchment", "init")
    assert code == 0
    assert "taken up again" in err


def test_a_folder_that_cannot_be_used_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("DUCKSTRING_HOME", str(home / "file" / "below"))
    code, _, err = run(capsys, "catchment", "init")
    assert code == 1
    assert err.startswith(
        f"error: {home / 'file' / 'below'} cannot be used: Not a directory.\nhint: "
    )
