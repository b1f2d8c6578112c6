"""The images of a release go to the registry, with their SBOM and signature."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.registry import cosign, oras, tools
from ops.registry.images import build, names, sbom, source
from ops.registry.images.names import Image
from ops.registry.images.source import DIRTY
from ops.registry.options import Options
from ops.registry.reference import COMMIT, Repository
from ops.terminal.console import say, size
from ops.terminal.steps import Steps


@dataclass(frozen=True)
class Upload:
    """An image on its way: its name here and there, and its digest if the registry has that version already."""

    name: str
    local: str
    image: Image
    repository: Repository
    there: str | None

    @property
    def commit_tag(self) -> str:
        """The tag of the commit that it was built from."""
        return COMMIT + self.image.revision[:12]


def push(version: str, chosen: Sequence[str], options: Options, *, with_sbom: bool) -> None:
    """Upload images that were built here, describe, sign and tag them. Raises OpsError.

    The version's tag comes last: an image that the registry shows under it is whole, and signed if a key was given.
    """
    tools.require("docker", *(["syft"] if with_sbom else []))
    steps = Steps()
    with steps.step("ask the registry"):
        uploads = [_look(version, name, options) for name in chosen]
    if options.dry_run:
        for upload in uploads:
            plan = f"is there already ({upload.there})" if upload.there else f"upload {size(upload.image.size)}"
            say(f"  {upload.repository.tagged(version)}: {plan}")
        say("Dry run, nothing is changed.")
        return
    digests = [(upload, upload.there or _upload(steps, upload, with_sbom=with_sbom)) for upload in uploads]
    if options.key:
        with steps.step("sign"):
            for upload, digest in digests:
                cosign.sign(upload.repository, digest, options.key)
    with steps.step(f"publish {version}"):
        for upload, digest in digests:
            if upload.there is None:
                oras.tag(upload.repository, digest, version)
    steps.report("")
    for upload, digest in digests:
        say(f"  {upload.repository.tagged(version)}  {digest}")
    say_after(version, options)


def say_after(version: str, options: Options) -> None:
    """Say whether the images are signed, and how to pull them."""
    if not options.key:
        say("  note: they are not signed; to sign them, push again with --key or COSIGN_KEY")
    say(f"On another machine with REGISTRY={options.registry.address}: bash scripts/release_images.sh pull {version}")


def _look(version: str, name: str, options: Options) -> Upload:
    """Return the image to upload. Raises OpsError: it is not there or not of a commit, or the registry has another."""
    local = names.local(name, version)
    image, again = names.inspect(local), f"bash scripts/release_images.sh build {version}"
    if image is None:
        raise OpsError(f"there is no image {local}. Build it: {again}. Nothing was pushed")
    if image.version != version or not image.revision:
        raise OpsError(f"{local} was not built by release_images.sh. Build it: {again}. Nothing was pushed")
    if image.revision.endswith(DIRTY):
        raise OpsError(
            f"{local} was built from a checkout with changes that are in no commit (git status). Commit them and build "
            f"again: {again}. Nothing was pushed"
        )
    repository = options.registry.of_image(name)
    there = oras.resolve(repository, version)
    if there is not None:
        found = oras.manifest(repository, there).get("config", {}).get("digest", "an index of several architectures")
        if found != image.id:
            raise OpsError(
                f"{repository.tagged(version)} is another image ({found[:19]}…, here {image.id[:19]}…). A released "
                f"version is never replaced: build under another version. Nothing was pushed"
            )
    return Upload(name, local, image, repository, there)


def _upload(steps: Steps, upload: Upload, *, with_sbom: bool) -> str:
    remote = upload.repository.tagged(upload.commit_tag)
    with steps.step(f"upload {upload.name}") as remarks:
        tools.run("docker", "tag", upload.local, remote, doing=f"tagging {upload.name}")
        try:
            tools.run(
                "docker", "push", "--quiet", remote, doing=f"uploading {upload.name}", host=upload.repository.host
            )
        finally:
            tools.run("docker", "image", "rm", "--no-prune", remote, doing=f"untagging {upload.name}")
        digest = oras.require(upload.repository, upload.commit_tag)
        remarks.append(size(upload.image.size))
    if with_sbom:
        with steps.step(f"list what is in {upload.name}"), tempfile.TemporaryDirectory() as folder:
            oras.attach(upload.repository, digest, sbom.write(upload.local, upload.name, Path(folder)), sbom.KIND)
    return digest


def build_and_push(version: str, chosen: Sequence[str], options: Options, platforms: str, *, with_sbom: bool) -> None:
    """Build for several architectures and push them as one index each, then sign and tag. Raises OpsError.

    Needs a builder that can: `docker buildx create --use`, with a machine or an emulator for each architecture. The
    builder makes the SBOM itself.
    """
    tools.require("docker")
    steps, found = Steps(), source.read()
    if found.revision.endswith(DIRTY):
        raise OpsError("the checkout has changes that are in no commit (git status). Commit them. Nothing was pushed")
    repositories = [options.registry.of_image(name) for name in chosen]
    with steps.step("ask the registry"):
        for repository in repositories:
            if oras.resolve(repository, version) is not None:
                raise OpsError(
                    f"{repository.tagged(version)} is there already. A released version is never replaced: build under "
                    "another version. Nothing was pushed"
                )
    variables = build.bake_variables(version, found)
    variables |= {"IMAGES": options.registry.address, "PLATFORMS": platforms}
    only_commit = [
        f"--set={name}.tags={repository.tagged(found.tag)}"
        for name, repository in zip(chosen, repositories, strict=True)
    ]
    words = (*build.BAKE, "--push", *(["--sbom=true"] if with_sbom else []), *only_commit, *chosen)
    tools.show("docker", *words, doing="the build for several architectures", variables=variables)
    for repository in repositories:
        digest = oras.require(repository, found.tag)
        if options.key:
            with steps.step(f"sign {repository.address}"):
                cosign.sign(repository, digest, options.key)
        oras.tag(repository, digest, version)
        say(f"  {repository.tagged(version)}  {digest}")
    say_after(version, options)
