"""Who sent a request, as rates and logs name it."""

import ipaddress

from starlette.types import Scope

#: Set by what authenticates a request; anything with a ``name``, or the name itself.
IDENTITY = "gateway.identity"


def client_address(scope: Scope) -> str | None:
    """Return the address that the request came from, behind trusted proxies that of the client."""
    client = scope.get("client")
    return client[0] if client else None


def caller_of(scope: Scope) -> str:
    """Name who is limited: the key that was shown, else the address; of IPv6 the /64, which one household has whole."""
    identity = scope.get(IDENTITY)
    if identity is not None:
        return f"key:{getattr(identity, 'name', identity)}"
    address = client_address(scope)
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "ip:unknown"  # a socket without an address, or a proxy that forwards something else
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return f"ip:{ip.ipv4_mapped}"
        return f"ip:{ipaddress.ip_network((ip, 64), strict=False)}"
    return f"ip:{ip}"
