"""Where the gateway listens and what is around it. Compose and the scripts set these; operators have no choice here."""

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.model_server import BaseUrls

#: The Compose profile whose proxy stands between the internet and a gateway that is itself on loopback, and the name of
#: the proxy's host.
EDGE = "edge"


class PlacementSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    gateway_host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    gateway_port: int = Field(default=8001, ge=0, le=65535, description="Port to listen on. 0: any free one.")
    published_bind: str = Field(
        default="",
        description="Address that a container's port is published at. Empty: `GATEWAY_HOST` is what others see.",
    )
    published_profiles: str = Field(
        default="",
        description="Compose profiles of additional services; `edge` forwards requests from the internet.",
    )
    torchserve_inference_url: BaseUrls = Field(
        default="http://127.0.0.1:8085",
        description="URL of TorchServe's inference API. Several TorchServes share the images: a host name with several "
        "addresses, or a comma-separated list.",
    )
    torchserve_management_url: BaseUrls = Field(
        default="http://127.0.0.1:8086", description="URL of TorchServe's management API, of each in the same order."
    )
    routing_file: str = Field(
        default="", max_length=4096, description="`routing.json`, written by the release operations. Empty: no routing."
    )
    models_file: str = Field(
        default="", max_length=4096, description="`models.toml`, the settings of each model. Empty or missing: none."
    )
    api_keys_file: str = Field(
        default="", description="File of API keys, as `scripts/keys.sh` writes it. Empty: no keys."
    )

    @property
    def is_behind_edge(self) -> bool:
        """Whether the profile edge is enabled, so that the host of that name is its proxy and not a stranger."""
        return EDGE in (profile.strip() for profile in self.published_profiles.split(","))
