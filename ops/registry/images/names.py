"""The images of a release, and what this machine's engine knows about them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ops.errors import OpsError, UsageError
from ops.registry import reference, tools
from ops.registry.tools import ToolError
from ops.store import versions

#: Those that docker-compose.yml starts; docker-bake.hcl builds them.
NAMES = ("torchserve", "api-gateway", "model-archiver")
#: What stands in front of their names on this machine.
LOCAL = "yolo-serving"
_LABEL = "org.opencontainers.image"


@dataclass(frozen=True)
class Image:
    """An image of the engine. `id`: the digest of its configuration, the same in every registry."""

    id: str
    size: int
    version: str
    revision: str


def local(name: str, tag: str) -> str:
    """Return the name by which Compose knows an image."""
    return f"{LOCAL}/{name}:{tag}"


def check_version(version: str) -> str:
    """Return a version that can be the tag of images. Raises OpsError."""
    if version.startswith((reference.COMMIT, "sha256-")):
        raise UsageError(f"{version} cannot be a version of images: {reference.COMMIT}… is the tag of a git commit")
    return versions.check(version)


def inspect(name: str) -> Image | None:
    """Return an image that the engine has, None without one. Raises OpsError if the engine does not answer."""
    try:
        (found,) = json.loads(tools.run("docker", "image", "inspect", name, doing=f"looking at {name}"))
    except ToolError as error:
        if "no such image" in error.said:
            return None
        raise OpsError(f"{error}. Is Docker running? docker info") from error
    labels = found["Config"].get("Labels") or {}
    version, revision = (labels.get(f"{_LABEL}.{key}", "") for key in ("version", "revision"))
    return Image(found["Id"], found["Size"], version, revision)
