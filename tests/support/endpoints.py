"""The ports of a running service, and HTTP requests to it."""

from __future__ import annotations

import httpx

from tests.support.waiting import wait_until

# More than the 60 s after which the gateway answers 504: a test sees that answer.
TIMEOUT_S = 90
# One client for all requests: making one reads the certificates that TLS trusts, which costs more CPU than the service
# takes to answer. Connections are not kept, so each request opens one, as `httpx.get` does.
HTTP = httpx.Client(timeout=TIMEOUT_S, trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0))


class Endpoints:
    """A service on ports of loopback."""

    #: By the name of its setting, such as GATEWAY_PORT.
    ports: dict[str, int]

    @property
    def gateway(self) -> str:
        """The URL of the gateway."""
        return f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}"

    @property
    def inference(self) -> str:
        """The URL of blue's inference API."""
        return f"http://127.0.0.1:{self.ports['INFERENCE_PORT']}"

    @property
    def management(self) -> str:
        """The URL of blue's management API."""
        return f"http://127.0.0.1:{self.ports['MANAGEMENT_PORT']}"

    def ready(self) -> bool:
        """Tell whether the gateway is ready."""
        try:
            return HTTP.get(f"{self.gateway}/health/ready", timeout=20).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        """Wait until the gateway is ready."""
        wait_until(self.ready, f"the service at {self.gateway} is ready")
