"""What the functions import is what was locked, and a zip is named for what it has in it."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from duckstring.errors import OperatorError
from infra import layers
from infra.layers import Target, locked, source_zip, third_party_zip

ROOT = Path(__file__).parents[2]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
LINUX = Target("3.12", "x86_64-manylinux_2_28")
NAMES = ("deps", "data", "client")
PIN = re.compile(r"^([a-z0-9-]+==[^\s;]+)", re.MULTILINE)


class Shop:
    """A folder of wheels, and a layer that is locked to one of them."""

    def __init__(self, folder: Path) -> None:
        self.wheels, self.requirements = folder / "wheels", folder / "requirements"
        self.wheels.mkdir()
        self.requirements.mkdir()
        self.builds = folder / "builds"

    def wheel(self, version: str, code: str, name: str = "tiny") -> str:
        """Put a wheel in; its SHA-256."""
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": code,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        rows = []
        with zipfile.ZipFile(path, "w") as archive:
            for file, text in files.items():
                archive.writestr(file, text)
                found = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
                rows.append(f"{file},sha256={found.decode().rstrip('=')},{len(text)}")
            archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]))
        return hashlib.sha256(path.read_bytes()).hexdigest()

    @property
    def only(self) -> str:
        return f"--no-index\n--find-links {self.wheels}\n"

    def lock(self, version: str, digest: str) -> None:
        pin = f"tiny=={version}"
        (self.requirements / "data.in").write_text(f"{self.only}{pin}\n")
        (self.requirements / "data.txt").write_text(f"{self.only}{pin} --hash=sha256:{digest}\n")

    def build(self, *, target: Target = LINUX, extra: str = "", build: str = "") -> layers.Built:
        """In a folder of its own, as on another machine."""
        count = len(list(self.builds.glob("*"))) if self.builds.exists() else 0
        folder = self.builds / (build or f"b{count}")
        return third_party_zip("data", target=target, build=folder, extra=extra)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "_HERE", tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return Shop(tmp_path)


@pytest.mark.parametrize("interpreter", ["", sys.executable])
def test_the_same_lock_gives_the_same_digest_on_any_machine(shop, interpreter):
    shop.lock("1.0", shop.wheel("1.0", "A = {1, 2}\n"))
    target = Target(HERE, LINUX.platform, interpreter)
    first, second = shop.build(target=target), shop.build(target=target)
    assert first.path.parent != second.path.parent
    assert first.digest == second.digest
    assert shop.build(target=Target("3.13", LINUX.platform)).digest != first.digest


def test_a_package_with_other_contents_is_another_asset_and_a_version_alone_as_well(shop):
    shop.lock("1.0", shop.wheel("1.0", "A = 1\n"))
    first = shop.build().digest
    shop.lock("1.0", shop.wheel("1.0", "A = 2\n"))
    second = shop.build().digest
    shop.lock("1.1", shop.wheel("1.1", "A = 2\n"))
    assert len({first, second, shop.build().digest}) == 3


def test_a_file_that_is_not_the_locked_one_is_not_installed(shop):
    shop.lock("1.0", shop.wheel("1.0", "A = 1\n"))
    shop.wheel("1.0", "A = 'evil'\n")
    with pytest.raises(OperatorError, match=r"[Hh]ash mismatch"):
        shop.build()


def test_a_fix_of_what_the_catchments_own_requirements_leave_open_is_deployed(shop):
    shop.lock("1.0", shop.wheel("1.0", "A = 1\n"))
    shop.wheel("2.0", "B = 1\n", name="other")
    first = shop.build(extra="other", build="kept")
    assert {"python/other.py", "python/tiny.py"} <= set(zipfile.ZipFile(first.path).namelist())
    assert shop.build(extra="other", build="kept").path == first.path
    shop.wheel("2.1", "B = 2\n", name="other")
    shop.wheel("1.1", "A = 2\n")
    fixed = shop.build(extra="other", build="kept")
    assert fixed.digest != first.digest
    with zipfile.ZipFile(fixed.path) as found:
        assert found.read("python/other.py") == b"B = 2\n"
        assert found.read("python/tiny.py") == b"A = 1\n", "what is ours stays as it was locked"


def test_requirements_that_cannot_be_met_are_refused(shop):
    shop.lock("1.0", shop.wheel("1.0", "A = 1\n"))
    for target in (LINUX, Target(HERE, "host")):
        with pytest.raises(OperatorError, match="The data layer cannot be installed"):
            shop.build(target=target, extra="nowhere==7")


def test_our_own_code_is_named_for_what_it_has_in_it(tmp_path):
    package = tmp_path / "ours"
    package.mkdir()
    digests = set()
    for code in ("A = 1\n", "A = 1\n", "A = 2\n"):
        (package / "__init__.py").write_text(code)
        built = source_zip(package, prefix="", target=LINUX, build=tmp_path / str(len(digests)))
        digests.add(built.digest)
    assert len(digests) == 2


def test_the_command_and_the_functions_have_the_same_zones():
    """Else they could disagree on when a Window opens."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (pin,) = [one for one in wanted if one.startswith("tzdata")]
    assert pin in PIN.findall(locked("deps"))


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_has_hashes_and_the_versions_that_were_tested_and_no_address(name):
    lock = locked(name)
    assert "://" not in lock
    assert "index" not in lock
    pins = PIN.findall(lock)
    blocks = re.split(r"\n(?=[a-z])", lock.strip())
    assert len(blocks) == len(pins)
    assert all("--hash=sha256:" in block for block in blocks)
    wanted = (ROOT / "infra" / "requirements" / f"{name}.in").read_text().split()
    assert set(wanted) <= set(pins), "run make lock"
    tested = dict(
        pin.split("==") for pin in PIN.findall((ROOT / "requirements" / "dev.txt").read_text())
    )
    for pin in pins:
        package, version = pin.split("==")
        assert tested.get(package, version) == version, "run make lock"
