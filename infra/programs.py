"""What a function runs: zips that Lambda unpacks below its own runtime, or the image of Ripples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from aws_cdk import AssetHashType, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from duckstring.errors import OperatorError
from infra.code import Code
from infra.config import Config
from infra.image import ENTRY_POINT, EcrImage, build_folder
from infra.layers import Built, largest_packages

_PLATFORMS = {"x86_64": assets.Platform.LINUX_AMD64, "arm64": assets.Platform.LINUX_ARM64}


@dataclass(frozen=True, slots=True)
class Program:
    """What functions run. ``handler`` and ``code`` are given the entry, ``module.function``: zips
    have it in the handler, an image in its command.
    """

    runtime: lambda_.Runtime
    handler: Callable[[str], str]
    code: Callable[[str], lambda_.Code]
    layers: Sequence[lambda_.ILayerVersion] = ()


class BuildOptions(TypedDict):
    """What an asset of the image is built with: the same for tasks and functions, so that it is
    built once.
    """

    directory: str
    build_args: Mapping[str, str]
    platform: assets.Platform


def build_options(config: Config, code: Code) -> BuildOptions:
    """How this deployment builds the image."""
    return {
        "directory": str(build_folder(code, config.build)),
        "build_args": {"PYTHON": config.python},
        "platform": _PLATFORMS[config.architecture],
    }


def repository_arn(scope: Construct, image: EcrImage) -> str:
    """The repository that the image lies in."""
    return Stack.of(scope).format_arn(
        service="ecr",
        account=image.account,
        region=image.region,
        resource="repository",
        resource_name=image.repository,
    )


def as_asset(built: Built) -> lambda_.AssetCode:
    """A zip of ours as an asset. Its name is the digest of what it has in it."""
    return lambda_.Code.from_asset(
        str(built.path), asset_hash=built.digest, asset_hash_type=AssetHashType.CUSTOM
    )


def zipped(
    code: lambda_.Code, *, runtime: lambda_.Runtime, layers: Sequence[lambda_.ILayerVersion]
) -> Program:
    """A zip of code on layers."""
    return Program(runtime, handler=lambda entry: entry, code=lambda _: code, layers=layers)


def in_image(scope: Construct, config: Config, code: Code) -> Program:
    """The image of Ripples: built by this deployment, or the user's own.

    Raises:
        OperatorError: the user's own is where Lambda takes no image from.
    """
    return Program(
        lambda_.Runtime.FROM_IMAGE,
        handler=lambda _: lambda_.Handler.FROM_IMAGE,
        code=_built(config, code) if not config.image else _given(scope, config, code),
    )


def _built(config: Config, code: Code) -> Callable[[str], lambda_.Code]:
    options = build_options(config, code)

    def image(entry: str) -> lambda_.Code:
        return lambda_.Code.from_asset_image(**options, entrypoint=[*ENTRY_POINT], cmd=[entry])

    return image


def _given(scope: Construct, config: Config, code: Code) -> Callable[[str], lambda_.Code]:
    found = EcrImage.parse(config.image)
    if found is None:
        raise OperatorError(
            f"-c image={config.image}: Lambda takes images from ECR only. The ripple function "
            f"needs one, since its code unpacks to {code.unpacked // 1_000_000} MB (largest: "
            f"{largest_packages(code.data)}).",
            hint=(
                "Push it to ECR in the Catchment's region, or take large packages out of the "
                "Catchment's requirements.txt."
            ),
        )
    repository = ecr.Repository.from_repository_attributes(
        scope,
        "Repository",
        repository_arn=repository_arn(scope, found),
        repository_name=found.repository,
    )

    def image(entry: str) -> lambda_.Code:
        return lambda_.Code.from_ecr_image(
            repository, tag_or_digest=found.version, entrypoint=[*ENTRY_POINT], cmd=[entry]
        )

    return image
