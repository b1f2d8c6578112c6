"""Signatures of what is in a registry, by cosign with a pair of keys.

No transparency log is written or asked: nothing is published, and no other host is needed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ops.errors import NoSuchVersionError, OpsError
from ops.paths import ROOT
from ops.registry import tools
from ops.registry.reference import Repository
from ops.registry.tools import ToolError


def check_key(key: str, what: str) -> str:
    """Return the key as cosign takes it: a file, or the address of a key service. Raises OpsError.

    `what`: the option or setting that names it.
    """
    if "://" in key:  # env://NAME, awskms://…
        return key
    path = Path(ROOT, key)
    if not path.is_file():
        raise OpsError(
            f"{what}={key}: there is no such file. Make a pair of keys with: cosign generate-key-pair. Nothing changed"
        )
    return str(path)


def sign(repository: Repository, digest: str, key: str) -> None:
    """Sign what has a digest, unless it is signed with this key. Raises OpsError."""
    with tempfile.TemporaryDirectory() as folder:
        public = Path(folder) / "cosign.pub"
        public.write_text(_public(key))
        if is_signed(repository, digest, str(public)):
            return
    tools.run(
        "cosign", "sign", "--yes", "--tlog-upload=false", "--key", key, repository.at(digest),
        doing="signing", host=repository.host,
    )  # fmt: skip


def _public(key: str) -> str:
    try:
        return tools.run("cosign", "public-key", "--key", key, doing="reading the key to sign with")
    except ToolError as error:
        if "decrypt" in error.said:
            raise OpsError(f"the password of {Path(key).name} is wrong or missing; set COSIGN_PASSWORD") from error
        raise


def is_signed(repository: Repository, digest: str, public_key: str) -> bool:
    """Tell whether what has a digest is signed with a key. Raises OpsError where that cannot be found out."""
    try:
        verify(repository, digest, public_key)
    except NoSuchVersionError:
        return False
    return True


def verify(repository: Repository, digest: str, public_key: str) -> None:
    """Verify the signature of what has a digest. Raises NoSuchVersionError unless it is signed with this key."""
    try:
        tools.run(
            "cosign", "verify", "--insecure-ignore-tlog=true", "--key", public_key, repository.at(digest),
            doing="verifying the signature", host=repository.host,
        )  # fmt: skip
    except ToolError as error:
        at = repository.at(digest)
        if "no signatures found" in error.said:
            raise NoSuchVersionError(
                f"{at} is not signed, and a public key is set. Sign it where it was released, by pushing it again with "
                "--key; to accept what is not signed, leave COSIGN_PUBLIC_KEY and --key out. Nothing changed"
            ) from error
        if "no matching signatures" in error.said or "invalid signature" in error.said:
            raise NoSuchVersionError(
                f"{at} is signed with another key than {Path(public_key).name}. Use the public key of who released it, "
                "or do not use this release. Nothing changed"
            ) from error
        raise
