"""Who sent a request, as rates and logs name it."""

import ipaddress

from starlette.types import Scope

#: The scope's key of the caller's name, set by authentication: for versions, the access log, the limits.
IDENTITY = "gateway.identity"
#: The scope's key of the models that the caller may use, set by authentication; absent: all of them.
MODELS = "gateway.models"
#: The scope's key of the model that the caller was refused.
REFUSED_MODEL = "gateway.refused_model"
#: The scope's key of the models that a request asks for predictions, for the metrics: each one exists.
ASKED_MODELS = "gateway.asked_models"
#: The scope's key of the code of the error that the request is answered with.
ERROR_CODE = "gateway.error"
#: The scope's key of the id of the trace that the request belongs to, for exemplars; absent: it is not traced.
TRACE_ID = "gateway.trace_id"


def client_address(scope: Scope) -> str | None:
    """Return the address that the request came from, behind trusted proxies that of the client."""
    client = scope.get("client")
    return client[0] if client else None


def caller_of(scope: Scope) -> str:
    """Return the name to count under: the credential's, otherwise the address; of IPv6 the /64, which one site owns."""
    if (name := scope.get(IDENTITY)) is not None:
        return f"key:{name}"
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
