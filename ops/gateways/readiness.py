"""Is the gateway ready: does it have a model server to send requests to?"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

# The gateway is on this machine's loopback interface: urllib would send the request to http_proxy.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Readiness:
    """True when the gateway is ready; `message` is its reason, or the version that is served."""

    ready: bool
    message: str

    def __bool__(self) -> bool:
        return self.ready


def ask(gateway: str) -> Readiness:
    """Ask the gateway at this base URL whether it is ready. A gateway that does not answer is not ready."""
    try:
        with _DIRECT.open(f"{gateway}/health/ready", timeout=3) as answer:
            version = json.load(answer)["model"]["version"]
            return Readiness(True, f"version {version} is served")
    except urllib.error.HTTPError as error:
        try:
            return Readiness(False, str(json.load(error)["error"]["message"]))
        except (ValueError, KeyError, TypeError):
            return Readiness(False, f"the gateway answers {error.code}")
    except (OSError, ValueError, KeyError) as error:
        return Readiness(False, f"the gateway does not answer: {error}")
