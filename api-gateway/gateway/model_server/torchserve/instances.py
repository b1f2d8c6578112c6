"""Which TorchServes there are: the URLs of the settings, and the addresses behind their names."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from server_addresses import is_one_server


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The URLs of TorchServe's two APIs, as an operator writes them: one server, or a name with several addresses."""

    inference_url: str
    management_url: str

    @property
    def host(self) -> str | None:
        """The name to look up; None for one server, which is not to be balanced.

        APIs with different hosts cannot be paired by address.
        """
        host = urlsplit(self.inference_url).hostname or ""
        if host != urlsplit(self.management_url).hostname or is_one_server(host):
            return None
        return host


@dataclass(frozen=True, slots=True)
class Instance:
    """One TorchServe. ``address`` is connected to in place of the URLs' host, which stays the name in requests."""

    inference_url: str
    management_url: str
    address: str | None = None

    @property
    def name(self) -> str:
        """``address:port`` of the inference API, for people."""
        parts = urlsplit(self.inference_url)
        host = self.address or parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_endpoints(inference_urls: str, management_urls: str) -> tuple[Endpoint, ...]:
    """Pair two comma-separated lists of URLs, which the settings hold to the same length."""
    return tuple(map(Endpoint, inference_urls.split(","), management_urls.split(",")))


def instances_of(endpoint: Endpoint, addresses: Iterable[str]) -> list[Instance]:
    """Return the TorchServes behind an endpoint: itself, or one at each address of its name."""
    urls = endpoint.inference_url, endpoint.management_url
    return [Instance(*urls)] if endpoint.host is None else [Instance(*urls, address) for address in addresses]
