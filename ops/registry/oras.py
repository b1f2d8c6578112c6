"""What is asked of a registry through oras, which takes its credentials from `docker login`'s own file."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.errors import NoSuchVersionError
from ops.registry import reference, tools
from ops.registry.reference import Repository
from ops.registry.tools import ToolError

_ABSENT = ("not found", "name unknown", "manifest unknown", "404")


def _run(repository: Repository, *arguments: str, doing: str, cwd: Path | None = None) -> str:
    plain = ["--plain-http"] if repository.plain_http else []
    return tools.run("oras", *arguments, *plain, doing=doing, host=repository.host, cwd=cwd)


def resolve(repository: Repository, tag: str) -> str | None:
    """Return the digest of a tag, None where there is no such tag. Raises OpsError."""
    try:
        return _run(repository, "resolve", repository.tagged(tag), doing="looking the version up").strip()
    except ToolError as error:
        if any(word in error.said for word in _ABSENT):
            return None
        raise


def versions(repository: Repository) -> list[str]:
    """Return the versions in a repository, none where there is no such repository. Raises OpsError."""
    try:
        listed = _run(repository, "repo", "tags", repository.address, doing="listing the versions")
    except ToolError as error:
        if any(word in error.said for word in _ABSENT):
            return []
        raise
    return sorted(reference.versions(listed.split()))


def require(repository: Repository, version: str, expected: str | None = None) -> str:
    """Return the digest of a version. Raises NoSuchVersionError: it is not there, or its digest is not `expected`."""
    digest = resolve(repository, version)
    if digest is None:
        there = ", ".join(versions(repository)) or "none"
        raise NoSuchVersionError(f"{repository.address} has no version {version}; it has: {there}. Nothing changed")
    if expected not in (None, digest):
        raise NoSuchVersionError(
            f"version {version} in {repository.address} is {digest}, not {expected}: it is not what was released under "
            "that digest. Ask who released it. Nothing changed"
        )
    return digest


def manifest(repository: Repository, digest: str) -> dict[str, Any]:
    """Return the manifest with a digest. Raises OpsError."""
    text = _run(repository, "manifest", "fetch", repository.at(digest), doing="reading the manifest")
    found: dict[str, Any] = json.loads(text)
    return found


def fetch(repository: Repository, digest: str, target: Path) -> None:
    """Download a blob; oras compares its digest. Raises OpsError."""
    doing = f"downloading {target.name}"
    try:
        _run(repository, "blob", "fetch", "--output", str(target), repository.at(digest), doing=doing)
    except ToolError as error:
        if "mismatch" in error.said:
            raise NoSuchVersionError(
                f"{target.name} in {repository.address} is damaged: its content does not have the digest {digest}. "
                "Release it again under another version. Nothing changed"
            ) from error
        raise


def push(
    repository: Repository,
    folder: Path,
    files: Sequence[tuple[str, str]],
    artifact_type: str,
    annotations: Mapping[str, str],
) -> str:
    """Push files of a folder, pairs of name and media type, as an artifact without a tag; return its digest.

    The same files and annotations make the same digest. Raises OpsError.
    """
    with tempfile.TemporaryDirectory() as scratch:
        exported, noted = Path(scratch) / "manifest.json", Path(scratch) / "annotations.json"
        noted.write_text(json.dumps({"$manifest": dict(annotations)}), encoding="utf-8")
        _run(
            repository, "push", "--artifact-type", artifact_type, "--annotation-file", str(noted),
            "--export-manifest", str(exported), repository.address, *(f"{name}:{kind}" for name, kind in files),
            doing="uploading", cwd=folder,
        )  # fmt: skip
        return f"sha256:{hashlib.sha256(exported.read_bytes()).hexdigest()}"


def attach(repository: Repository, digest: str, file: Path, kind: str) -> None:
    """Attach a file to what has a digest, such as an SBOM to an image. Raises OpsError."""
    _run(
        repository, "attach", "--artifact-type", kind, repository.at(digest), f"{file.name}:{kind}",
        doing=f"uploading {file.name}", cwd=file.parent,
    )  # fmt: skip


def tag(repository: Repository, digest: str, name: str) -> None:
    """Give what has a digest a tag. Raises OpsError."""
    _run(repository, "tag", repository.at(digest), name, doing=f"tagging {name}")
