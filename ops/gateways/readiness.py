"""Is the gateway ready: does it have a model server to send requests to, and does that answer for a model?"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from model_names import DEFAULT
from ops.gateways import api_key

# The gateway is on this machine's loopback interface: urllib would send the request to http_proxy.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Readiness:
    """True when the gateway is ready; `message` is its reason, or the version that is served."""

    ready: bool
    message: str

    def __bool__(self) -> bool:
        return self.ready


def ask(gateway: str, model: str = DEFAULT) -> Readiness:
    """Ask the gateway at this base URL whether it is ready. A gateway that does not answer is not ready."""
    if model != DEFAULT:
        return _ask_for(gateway, model)
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


def _ask_for(gateway: str, model: str) -> Readiness:
    """Ask for one model. Only those with the right to predict are told, so that nobody else learns its name."""
    request = urllib.request.Request(f"{gateway}/v2/models/{model}/ready", headers=api_key.headers())  # noqa: S310
    try:
        with _DIRECT.open(request, timeout=3):
            return Readiness(True, f"{model} is served")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Readiness(True, f"whether {model} is served is not known without a key. {api_key.HELP}")
        return Readiness(False, f"the gateway answers {error.code} for {model}")
    except OSError as error:
        return Readiness(False, f"the gateway does not answer: {error}")
