"""Which servers a host name stands for, where its addresses decide: one server at each."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def is_one_server(host: str) -> bool:
    """Tell whether a host is one server whatever the DNS says: an address, or this machine, whose addresses are one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def one_family(addresses: Iterable[str]) -> list[str]:
    """Return the IPv4 addresses, the IPv6 ones without any: a server with both is one server. Sorted, each once."""
    found = sorted(set(addresses))
    return [address for address in found if ":" not in address] or found
