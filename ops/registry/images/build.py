"""Build the images of a release from the checkout, with docker-bake.hcl."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ops.registry import tools
from ops.registry.images import names, source
from ops.registry.images.source import DIRTY, Source
from ops.terminal.console import say, size
from ops.terminal.table import table

BAKE = ("buildx", "bake", "--file", "docker-bake.hcl")
#: Settings that are build arguments.
ARGUMENTS = ("BASE_IMAGE", "TORCH_INDEX")


def build(version: str, chosen: Sequence[str], *, dry_run: bool = False) -> None:
    """Build images for this machine's architecture, tagged by version and commit. Raises OpsError."""
    tools.require("docker")
    found = source.read()
    # With an empty list of platforms the engine builds for its own.
    variables = {**bake_variables(version, found), "PLATFORMS": ""}
    if dry_run:
        tools.show("docker", *BAKE, "--print", *chosen, doing="the plan of the build", variables=variables)
        return
    tools.show("docker", *BAKE, "--load", *chosen, doing="the build", variables=variables)
    rows = []
    for name in chosen:
        image = names.inspect(names.local(name, version))
        if image is not None:
            rows.append([names.local(name, version), size(image.size), image.id[7:19]])
    for line in table(rows, ["image", "size", "id"]):
        say(line)
    if found.revision.endswith(DIRTY):
        say("  note: the checkout has changes that are in no commit; such images can be tried here and not be pushed")
    say(f"{version} is built from {found.revision[:12]}. Next: bash scripts/release_images.sh push {version}")


def bake_variables(version: str, found: Source) -> dict[str, str]:
    """Return the variables of docker-bake.hcl."""
    arguments = {name: os.environ[name] for name in ARGUMENTS if os.environ.get(name)}
    return {
        "VERSION": version,
        "REVISION": found.revision,
        "COMMIT_TAG": found.tag,
        "CREATED": found.created,
        "SOURCE": found.url,
        **arguments,
    }
