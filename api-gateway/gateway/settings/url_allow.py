"""The allow-list of hosts from which images are downloaded, and the private networks that are permitted.

An allow-list is text, entries separated by commas or blanks::

    cdn.example.com        this host
    .example.com           this host and all its subdomains
    cam.example.com:8443   this host on this port too; without one, 80 for http and 443 for https
    *                      every host with a public address
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network
_ENTRY = re.compile(r"(?P<host>\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of the allow-list: a host ("*" for all; with a leading dot, its subdomains too), and a port or None."""

    host: str
    port: int | None

    def matches(self, host: str, port: int, default_port: int) -> bool:
        """Return whether the entry permits this host and port."""
        if port != (default_port if self.port is None else self.port):
            return False
        if self.host.startswith("."):
            return host == self.host[1:] or host.endswith(self.host)
        return self.host in ("*", host)


def parse_allowed(text: str) -> tuple[Allowed, ...]:
    """Read an allow-list. Raises ValueError naming the invalid entry."""
    entries = []
    for part in re.split(r"[\s,]+", text.strip().lower()):
        if not part:
            continue
        match = _ENTRY.fullmatch(part)
        port = match and match["port"]
        if match is None or (port is not None and not 1 <= int(port) <= 65535):
            raise ValueError(f"{part!r} is not a host; write cdn.example.com, .example.com or cam.example.com:8443")
        entries.append(Allowed(match["host"].strip("[]"), int(port) if port else None))
    return tuple(entries)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks as in ``192.168.7.0/24, ::1/128``. Raises ValueError for an invalid one."""
    return tuple(ip_network(part) for part in re.split(r"[\s,]+", text.strip()) if part)
