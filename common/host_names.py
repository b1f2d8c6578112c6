"""Which names a server answers to, against DNS rebinding.

A page whose name its owner lets lead to this machine is, for the browser, the same site as the server: nothing but the
Host header, which holds the page's name, tells them apart.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

#: Longer than any name in the DNS, with a port.
_LONGEST = 300
_PORT = re.compile(r":[0-9]*$")


def is_allowed(host: str, allowed: Collection[str]) -> bool:
    """Tell whether a Host header is an address, localhost, or one of the `allowed` names (in lower case).

    `*` allows every name, `*.example.org` every name below that one. An address is safe, whichever it is: a page cannot
    make an address lead elsewhere.
    """
    if len(host) > _LONGEST:
        return False
    name = _PORT.sub("", host).lower().removesuffix(".")
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        parents = {f"*{name[at:]}" for at in range(len(name)) if name[at] == "."}
        # Names below localhost always lead to the browser's own machine (RFC 6761).
        return name == "localhost" or "*.localhost" in parents or not {"*", name, *parents}.isdisjoint(allowed)
    return True
