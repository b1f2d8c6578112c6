"""Which URLs images are downloaded from: hosts on an allow-list, and only those with public addresses.

The form of the allow-list is in :mod:`gateway.settings.url_allow`. Whatever it contains, these addresses are refused:
this machine (its public addresses too), private networks, link-local ones (where clouds keep their machines'
credentials), multicast, reserved and documentation ranges, and every IPv6 range that embeds an IPv4 address. The
networks in ``private`` are allowed, for cameras and tests, and those in ``deny`` never are.
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from gateway.errors import UrlNotAllowed, printable
from gateway.settings.url_allow import Network, parse_allowed, parse_networks

Address = IPv4Address | IPv6Address

LONGEST_URL = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}

#: IANA's special-purpose registries, and the address of the host of an Azure machine.
_REFUSED = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("168.63.129.16/32", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
#: All routed IPv6 addresses; loopback, local, mapped, NAT64 and multicast addresses are outside of this network.
_GLOBAL_IPV6 = IPv6Network("2000::/3")


class UrlPolicy:
    """Decides about a URL, and about the addresses that its host resolves to."""

    def __init__(self, allow: str, private: str = "", deny: str = "") -> None:
        self._allowed = parse_allowed(allow)
        self._private = parse_networks(private)
        self._denied = parse_networks(deny)

    @property
    def enabled(self) -> bool:
        """Whether any URL is allowed."""
        return bool(self._allowed)

    def check_url(self, text: str) -> httpx.URL:
        """Parse a URL and check it against the list. Raises :class:`~gateway.errors.UrlNotAllowed`."""
        if not self.enabled:
            raise UrlNotAllowed
        if len(text) > LONGEST_URL:
            raise UrlNotAllowed(f"The URL is longer than {LONGEST_URL} characters.")
        try:
            url = httpx.URL(text)
            host, port = host_of(url), url.port
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise UrlNotAllowed("This is not a valid URL.") from error
        if url.userinfo:
            raise UrlNotAllowed("A URL with a user name or password is not allowed.")
        if url.scheme not in _DEFAULT_PORTS or not host:
            raise UrlNotAllowed("Only complete http:// and https:// URLs are allowed.")
        default = _DEFAULT_PORTS[url.scheme]
        if not any(entry.matches(host, port or default, default) for entry in self._allowed):
            where = printable(host if port is None else f"{host}:{port}")
            raise UrlNotAllowed(f"Images from {where} are not allowed: it is not in URL_ALLOW.")
        return url.copy_with(fragment=None)

    def check_addresses(self, addresses: Sequence[str]) -> Sequence[str]:
        """Return the addresses that a name resolved to. Raises if any of them is not public."""
        for address in map(ip_address, addresses):
            is_allowed = _is_in(address, self._private) or (is_public(address) and not is_own(address))
            if not is_allowed or _is_in(address, self._denied):
                # The client is not told the address.
                raise UrlNotAllowed("Images from this host are not allowed: it has an address that is not public.")
        return addresses


def host_of(url: httpx.URL) -> str:
    """Return the host to resolve and compare: ASCII (IDNA), lower case, without a final dot."""
    return url.raw_host.decode("ascii").lower().rstrip(".")


def is_public(address: Address) -> bool:
    """Return whether an address is that of one host on the public internet."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return False
    return not _is_in(address, _REFUSED)


def is_own(address: Address) -> bool:
    """Return whether an address is one of this machine's interfaces: packets to it would have it as their source too.

    Nothing is sent. An address that a router translates for this machine, as for a container, cannot be told.
    """
    try:
        with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False  # no way leads there, and so no connection


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
