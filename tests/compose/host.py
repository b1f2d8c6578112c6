"""What this machine's own configuration says about where packages come from: apt sources, apt options, pip settings.

Everything here is read, nothing is written, and no host name is known in advance: a ring that prepares its own
Docker engine must reach packages exactly the way the machine it runs on does.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

# apt options that decide whether an index can be fetched at all: proxies, certificates, and clocks that are off.
_APT_OPTIONS = re.compile(
    r"^Acquire::(?:(?:https?|ftp)::(?:Proxy|CaInfo|Verify-)\S*|Check-Valid-Until|Check-Date|Retries)\s"
)
# pip settings that decide where wheels come from. Everything else is taste and stays on the host.
_PIP_OPTIONS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "proxy",
    "timeout",
    "default-timeout",
)


@dataclass(frozen=True)
class AptSource:
    """One archive this machine takes Debian packages from."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: Path | None

    def line(self, suite: str, kind: str = "deb") -> str:
        """The archive as a one-line source for `suite`, of binary packages or of another kind."""
        option = f"[signed-by={self.keyring}] " if self.keyring else ""
        return f"{kind} {option}{self.uri} {suite} {' '.join(self.components)}"


@dataclass(frozen=True)
class PipSettings:
    """Where pip on this machine finds packages.

    `options` are ready for pip.conf. `folders` are the local directories that `find-links` names: they must exist at
    the same path wherever the options are used. `certificate` is the bundle that pip trusts, if one is set.
    """

    options: dict[str, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    certificate: Path | None = None


def codename() -> str | None:
    """Debian's release name of this machine ("bookworm"), or None on another system."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    return release.get("VERSION_CODENAME") if release.get("ID") == "debian" else None


def apt_sources(root: Path = Path("/etc/apt")) -> list[AptSource]:
    """Every enabled binary source, in both of apt's formats."""
    folder = root / "sources.list.d"
    found: list[AptSource] = []
    for path in [root / "sources.list", *sorted(folder.glob("*.list"))]:
        if path.is_file():
            found += filter(None, map(_one_line, path.read_text().splitlines()))
    for path in sorted(folder.glob("*.sources")):
        found += filter(None, map(_stanza, re.split(r"\n\s*\n", path.read_text())))
    return found


def _one_line(line: str) -> AptSource | None:
    match = re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(\S.*)", line.split("#")[0].strip())
    if not match:
        return None
    options = dict(option.split("=", 1) for option in (match[1] or "").split() if "=" in option)
    return AptSource(match[2], (match[3],), tuple(match[4].split()), _keyring(options.get("signed-by")))


def _stanza(text: str) -> AptSource | None:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    fields = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in {"no", "false"}:
        return None
    return AptSource(
        fields["uris"].split()[0],
        tuple(fields["suites"].split()),
        tuple(fields.get("components", "").split()),
        _keyring(fields.get("signed-by")),
    )


def _keyring(value: str | None) -> Path | None:
    path = Path(value) if value else None
    return path if path and path.is_file() else None


def main_source(release: str) -> AptSource | None:
    """The archive that carries `release` itself, not its updates or its security fixes."""
    return next((source for source in apt_sources() if release in source.suites), None)


def apt_options() -> list[str]:
    """The lines of apt's configuration that another apt needs to reach the same archives."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return [line for line in dump.splitlines() if _APT_OPTIONS.match(line)]


def apt_proxy() -> str | None:
    """The proxy apt uses for http, if one is set."""
    for line in apt_options():
        match = re.match(r'Acquire::http::Proxy "(.+)";', line)
        if match and match[1] != "DIRECT":
            return match[1]
    return None


def pip_settings(listing: str | None = None) -> PipSettings:
    """pip's effective settings, without the indexes and folders that only this machine's disk holds.

    `listing` is the output of `pip config list`. A local index (`file:`) is left out: it may be many gigabytes, and
    what a build needs from it can be had from the others. A local find-links folder is kept, with its path.
    """
    if listing is None:
        command = [sys.executable, "-m", "pip", "config", "list"]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    values: dict[str, str] = {}
    # pip prints files first-come and the environment under its own section; the environment wins.
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
        key, separator, value = line.partition("=")
        if separator:
            values[key.rpartition(".")[2]] = str(ast.literal_eval(value))

    certificate = values.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE")
    folders: list[Path] = []
    options: dict[str, str] = {}
    for key in _PIP_OPTIONS:
        kept = []
        for word in values.get(key, "").split():
            path = Path(word.removeprefix("file://"))
            if word.startswith("file:") and key != "find-links":
                continue
            if path.is_absolute():
                if not path.is_dir():
                    continue
                folders.append(path)
            kept.append(word)
        if kept:
            options[key] = " ".join(kept)
    return PipSettings(options, tuple(folders), Path(certificate) if certificate else None)
