"""The git commit that images are built from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ops.errors import OpsError
from ops.registry import tools
from ops.registry.reference import COMMIT
from ops.registry.tools import ToolError
from ops.system.urls import redact

#: Ends the revision of a working tree that has changes which are in no commit.
DIRTY = "-dirty"


@dataclass(frozen=True)
class Source:
    """A commit: its hash, its time, and the address of the repository, which may be empty."""

    revision: str
    created: str
    url: str

    @property
    def tag(self) -> str:
        """The tag of images of this commit."""
        return COMMIT + self.revision[:12] + (DIRTY if self.revision.endswith(DIRTY) else "")


def read() -> Source:
    """Return what the checkout is. Raises OpsError where it is not one of git."""
    tools.require("git")
    try:
        revision, created = _git("log", "-1", "--format=%H %cI").split()
    except ToolError as error:
        raise OpsError(
            f"this folder is not a git checkout, and images are named after their commit ({error}). Clone the "
            "repository, or: git init && git add -A && git commit -m Release. Nothing changed"
        ) from error
    if _git("status", "--porcelain"):
        revision += DIRTY
    try:
        remote = _git("remote", "get-url", "origin")
    except ToolError:
        remote = ""
    return Source(revision, created, web_address(remote))


def web_address(remote: str) -> str:
    """Return the address of a remote without credentials: `git@host:me/yolo.git` is https://host/me/yolo."""
    remote = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", remote)
    if not remote.startswith(("https://", "http://")):
        return ""
    return redact(remote, query=False).removesuffix(".git")


def _git(*arguments: str) -> str:
    return tools.run("git", *arguments, doing="reading the commit").strip()
