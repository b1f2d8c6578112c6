"""A kept version goes to the registry, where other machines pull it from."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ops.errors import OpsError, from_os_error
from ops.paths import folder_of, model_of, script
from ops.registry import cosign, oras, release
from ops.registry.options import Options
from ops.registry.reference import Repository
from ops.store import archive, audit, baseline, inventory
from ops.system.files import owned_as
from ops.terminal.console import say, size
from ops.terminal.steps import Steps


def push(store: Path, version: str, options: Options) -> None:
    """Upload, sign and tag a kept version. Raises OpsError; then the registry has no new version.

    The tag comes last: a version that the registry shows is whole, and signed if a key was given.
    """
    steps, repository = Steps(), options.registry.of_model(model_of(store))
    with steps.step(f"verify the archive of {version}"):
        state, _ = inventory.look(store)
        found = archive.describe(inventory.require_intact(store, state, version))
        sha256 = state.releases[version].sha256
    with steps.step("ask the registry"):
        there = oras.resolve(repository, version)
        if there is not None:
            _require_same(repository, there, version, sha256)
    if options.dry_run:
        _say_plan(repository, version, there, found.path.stat().st_size, options)
        return
    digest = there or _upload(steps, repository, found, sha256, baseline.path(store, version))
    if options.key:
        with steps.step("sign"):
            cosign.sign(repository, digest, options.key)
    if there is None:
        with steps.step(f"publish {version}"):
            oras.tag(repository, digest, version)
        with owned_as(folder_of(store)):
            audit.record(store, "push", "done", to=version, detail=repository.at(digest))
    steps.report(
        f"{repository.tagged(version)} {'was there already, with this content' if there else 'is released'}: {digest}"
    )
    if not options.key:
        say("  note: it is not signed; to sign it, push it again with --key or COSIGN_KEY")
    pull = script(f"releases.sh pull {version}", store)
    say(f"On another machine with REGISTRY={options.registry.address}: {pull}")


def _require_same(repository: Repository, digest: str, version: str, sha256: str) -> None:
    found = release.parse(oras.manifest(repository, digest), repository.tagged(version))
    if found.archive.digest != f"sha256:{sha256}":
        there = found.archive.digest.removeprefix("sha256:")
        raise OpsError(
            f"{repository.tagged(version)} is another archive (sha256 {there[:12]}…, here {sha256[:12]}…). "
            "A released version is never replaced: package the weights again under another version. Nothing changed"
        )


def _say_plan(repository: Repository, version: str, there: str | None, bytes_: int, options: Options) -> None:
    signed = "sign it" if options.key else "not sign it"
    upload = f"{version} is there already ({there})" if there else f"upload {size(bytes_)} and tag {version}"
    say(f"Dry run, nothing is changed. To {repository.address}: {upload}; {signed}")


def _upload(steps: Steps, repository: Repository, found: archive.Archive, sha256: str, profile: Path) -> str:
    try:
        with tempfile.TemporaryDirectory() as folder, steps.step("upload") as remarks:
            files = release.write_files(Path(folder), found, sha256, profile)
            digest = oras.push(repository, Path(folder), files, release.ARTIFACT, release.describe(found, sha256))
            remarks.append(size(found.path.stat().st_size))
            return digest
    except OSError as error:
        raise from_os_error(error, "uploading") from error
