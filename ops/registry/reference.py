"""Where releases are in a registry: REGISTRY/model-NAME:VERSION are archives, REGISTRY/NAME:VERSION images."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ops.errors import OpsError, UsageError

#: One component of a repository's path, as the OCI distribution specification has it.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?"
_REGISTRY = re.compile(rf"(?P<host>{_HOST})(?P<path>(?:/{_COMPONENT})*)")
#: Tags that cosign and oras make of digests, for signatures and attachments.
_OF_DIGEST = re.compile(r"sha256-[0-9a-f]{64}(\.\w+)?")
#: Begins the tag of a git commit.
COMMIT = "sha-"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Repository:
    """A repository of a registry, such as `ghcr.io/me/yolo/model-yolo`. `plain_http`: it is spoken to without TLS."""

    address: str
    plain_http: bool = False

    @property
    def host(self) -> str:
        """Host and port of the registry."""
        return self.address.partition("/")[0]

    def tagged(self, tag: str) -> str:
        """Return the reference of a tag."""
        return f"{self.address}:{tag}"

    def at(self, digest: str) -> str:
        """Return the reference of a digest."""
        return f"{self.address}@{digest}"


@dataclass(frozen=True)
class Registry:
    """A registry and the namespace in it, such as `ghcr.io/me/yolo`."""

    address: str
    host: str

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine: only there plain HTTP is spoken, as Docker does."""
        name = self.host.rpartition(":")[0] if re.search(r":\d+$", self.host) else self.host
        try:
            return ipaddress.ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return name == "localhost"

    def of_model(self, model: str) -> Repository:
        """Return the repository of the archives of a model. Raises OpsError for a name that none can have."""
        return self._repository(f"model-{model}", f"the model {model}")

    def of_image(self, name: str) -> Repository:
        """Return the repository of an image."""
        return self._repository(name, f"the image {name}")

    def _repository(self, name: str, what: str) -> Repository:
        if not re.fullmatch(_COMPONENT, name):
            raise OpsError(
                f"{what} cannot have a repository of its name: registries take lower-case letters and digits, and "
                "between these '-' and '_'. Nothing changed"
            )
        return Repository(f"{self.address}/{name}", self.is_loopback)


def parse(address: str) -> Registry:
    """Return the registry that REGISTRY or --registry names. Raises UsageError."""
    if not address:
        raise UsageError(
            "no registry is set. Set REGISTRY in .env, such as REGISTRY=ghcr.io/me/yolo, or use --registry. "
            "Nothing changed"
        )
    example = "Write it as HOST[:PORT]/NAMESPACE in lower case, such as ghcr.io/me/yolo"
    if "://" in address:
        raise UsageError(f"REGISTRY={address.partition('@')[2] or address}: leave the scheme out. {example}")
    found = _REGISTRY.fullmatch(address.rstrip("/"))
    if found is None:
        raise UsageError(f"REGISTRY={address} is not a registry. {example}")
    host = found["host"]
    if not re.search(r"[.:]", host) and host != "localhost":  # Docker would take it for a namespace of Docker Hub
        raise UsageError(f"REGISTRY={address}: {host} is not a host. Of Docker Hub: REGISTRY=docker.io/{host}")
    return Registry(f"{host}{found['path']}", host)


def versions(tags: list[str]) -> list[str]:
    """Return the tags that are versions: neither made of a digest nor of a commit."""
    return [tag for tag in tags if not _OF_DIGEST.fullmatch(tag) and not tag.startswith(COMMIT)]


def check_digest(text: str) -> str:
    """Return a digest. Raises UsageError for text that is none."""
    if not DIGEST.fullmatch(text):
        raise UsageError(f"{text} is not a digest; it has the form sha256: and 64 hexadecimal digits")
    return text
