"""Released images come to this machine, and the next `up.sh --docker` runs them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ops.errors import NoSuchVersionError, OpsError
from ops.paths import ROOT
from ops.registry import cosign, oras, tools
from ops.registry.images import names
from ops.registry.options import Options
from ops.registry.reference import Repository
from ops.system import env_update
from ops.terminal.console import say
from ops.terminal.steps import Steps


def pull(version: str, chosen: Sequence[str], options: Options) -> None:
    """Verify and download images of a version and give them their local names. Raises OpsError.

    `.env` selects the version for the next start, if all its images were chosen.
    """
    tools.require("docker")
    steps = Steps()
    repositories = {name: options.registry.of_image(name) for name in chosen}
    with steps.step("ask the registry"):
        digests = {name: oras.require(repository, version) for name, repository in repositories.items()}
    if options.key:
        with steps.step("verify the signatures"):
            for name, repository in repositories.items():
                cosign.verify(repository, digests[name], options.key)
    if options.dry_run:
        for name, repository in repositories.items():
            say(f"  {repository.at(digests[name])} → {names.local(name, version)}")
        say("Dry run, nothing is changed.")
        return
    for name, repository in repositories.items():
        with steps.step(f"download {name}"):
            _download(repository, digests[name], name, version)
    with steps.step("name them"):
        for name, repository in repositories.items():
            tools.run(
                "docker", "tag", repository.at(digests[name]), names.local(name, version), doing="naming the image"
            )
    steps.report("")
    for name, digest in digests.items():
        say(f"  {names.local(name, version)}  {digest}")
    if not options.key:
        say("  note: their signatures were not looked at; set COSIGN_PUBLIC_KEY, or use --key")
    if set(chosen) == set(names.NAMES):
        _select(version)
    else:
        say("Not selected for up.sh, since these are not all images of the version.")


def _download(repository: Repository, digest: str, name: str, version: str) -> None:
    """Download an image by its digest, which Docker compares. Raises OpsError."""
    reference = repository.at(digest)
    tools.run("docker", "pull", "--quiet", reference, doing=f"downloading {name}", host=repository.host)
    found, here = names.inspect(reference), names.inspect(names.local(name, version))
    if found is None or found.version != version:
        label = found.version if found else ""
        raise NoSuchVersionError(
            f"{reference} is not version {version} of {name} (its label says {label!r}). Ask who released it. "
            "Nothing changed"
        )
    if here is not None and here.id != found.id:
        local = names.local(name, version)
        raise OpsError(
            f"{local} is another image here than the released one. Remove it or give it another name, then run this "
            f"again: docker tag {local} {local}-other && docker rmi {local}. Nothing changed"
        )


def _select(version: str) -> None:
    """Let Compose run the images of a version."""
    wanted = {"IMAGE_TAG": version, "IMAGE_POLICY": "never"}
    env_update.update(ROOT / ".env", wanted)
    say(f".env selects them: {' '.join(f'{name}={value}' for name, value in wanted.items())}")
    for name, value in wanted.items():
        if os.environ.get(name, value) != value:
            say(f"  note: {name}={os.environ[name]} of the environment takes precedence over .env")
    say("Run them: bash scripts/up.sh --docker. To build from the checkout again: IMAGE_POLICY=build in .env")
