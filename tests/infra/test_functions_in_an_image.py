"""A function whose packages are too large for zips runs the image that tasks have."""

from __future__ import annotations

from typing import Any

import pytest

from duckstring.errors import OperatorError
from infra.config import Config
from infra.image import EcrImage
from tests.infra.conftest import large, synthesize
from tests.infra.template_kit import function, statements
from tests.infra.test_tasks import container

DIGEST = f"sha256:{'0' * 64}"
ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/duckstring"
AUTHORS = ("ripple", "discovery")


def synthesized(folder, unpacked: int, **config: Any) -> dict[str, Any]:
    return synthesize(folder, Config(catchment="large", **config), code=large(folder, unpacked))


@pytest.fixture(scope="module")
def in_image(tmp_path_factory) -> dict[str, Any]:
    return synthesized(tmp_path_factory.mktemp("image"), 250_000_000)


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    return function(template, name)["Properties"]


@pytest.mark.parametrize("name", AUTHORS)
def test_what_imports_authors_code_is_the_image_of_tasks_with_an_entry_of_its_own(in_image, name):
    there = properties(in_image, name)
    assert (there["PackageType"], there["ImageConfig"]) == (
        "Image",
        {
            "EntryPoint": ["python", "-m", "awslambdaric"],
            "Command": [f"functions.{name}.handler.handle"],
        },
    )
    assert there["Code"]["ImageUri"] == container(in_image)["Image"]
    assert not {"Layers", "Runtime", "Handler"} & set(there)


@pytest.mark.parametrize("name", ["orchestrator", "api", "sweep"])
def test_the_other_functions_stay_zips(in_image, template, name):
    assert properties(in_image, name)["Handler"] == properties(template, name)["Handler"]
    assert "PackageType" not in properties(in_image, name)


@pytest.mark.parametrize("name", AUTHORS)
def test_a_function_in_an_image_has_the_rights_and_the_room_of_one_of_zips(
    in_image, template, name
):
    def limits(found: dict[str, Any]) -> dict[str, Any]:
        names = ("MemorySize", "Timeout", "EphemeralStorage", "Architectures")
        return {key: properties(found, name).get(key) for key in names}

    def rights(found: dict[str, Any]) -> list[str]:
        role = properties(found, name)["Role"]["Fn::GetAtt"][0]
        return sorted(str(one["Action"]) for one in statements(found, role))

    assert limits(in_image) == limits(template)
    assert rights(in_image) == rights(template)


def test_what_just_fits_into_zips_is_zips(tmp_path):
    # The parts beside the packages have a byte each.
    fits = synthesized(tmp_path, 250_000_000 - 3)
    assert "Layers" in properties(fits, "ripple")


def test_on_this_machine_nothing_is_too_large_for_zips(tmp_path):
    here = synthesized(tmp_path, 900_000_000, platform="host", python="3.11", image="none")
    assert "Layers" in properties(here, "ripple")


@pytest.mark.parametrize(
    ("version", "uri"), [(":7", ":7"), (f"@{DIGEST}", f"@{DIGEST}"), ("", ":latest")]
)
def test_a_given_image_is_the_functions_too(tmp_path, version, uri):
    given = synthesized(tmp_path, 300_000_000, image=f"{ECR}{version}")
    for name in AUTHORS:
        parts = properties(given, name)["Code"]["ImageUri"]["Fn::Join"][1]
        assert "".join(part for part in parts if isinstance(part, str)).endswith(
            f"/team/duckstring{uri}"
        )


def test_a_given_image_that_lambda_cannot_take_is_refused_with_what_makes_it_needed(tmp_path):
    with pytest.raises(OperatorError) as refused:
        synthesized(tmp_path, 300_000_000, image="registry.example.com/team/duckstring:7")
    assert refused.value.message == (
        "-c image=registry.example.com/team/duckstring:7: Lambda takes images from ECR only. The "
        "ripple function needs one, since its code unpacks to 300 MB (largest: big 3 MB, libs 2 "
        "MB, small 1 MB)."
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (f"{ECR}:7", ("111122223333", "eu-west-1", "team/duckstring", "7")),
        (f"{ECR}:7@{DIGEST}", ("111122223333", "eu-west-1", "team/duckstring", DIGEST)),
        (
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/one",
            ("111122223333", "cn-north-1", "one", "latest"),
        ),
        ("public.ecr.aws/team/duckstring:7", None),
        ("evil.example/111122223333.dkr.ecr.eu-west-1.amazonaws.com/one", None),
    ],
)
def test_an_address_in_ecr_is_taken_apart(address, expected):
    found = EcrImage.parse(address)
    assert (found and (found.account, found.region, found.repository, found.version)) == expected
