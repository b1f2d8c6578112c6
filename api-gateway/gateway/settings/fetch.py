"""The settings of pictures that are fetched by their address."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.fields import parsed_by
from gateway.settings.limits import Seconds
from gateway.settings.url_allow import parse_allowed, parse_networks

UrlAllowList = Annotated[str, parsed_by(parse_allowed)]
NetworkList = Annotated[str, parsed_by(parse_networks)]


class UrlSettings(BaseSettings):
    """What ``Settings`` takes over; see there."""

    url_allow: UrlAllowList = Field(
        default="", description="hosts that pictures are fetched from: names, .suffixes, host:port; empty: none"
    )
    url_allow_private: NetworkList = Field(
        default="", description="networks that are not public and yet fetched from; dangerous"
    )
    url_timeout_s: Seconds = Field(default=10, description="to fetch a picture, redirects included")
    url_max_redirects: int = Field(default=3, ge=0, le=10, description="redirects followed to a picture")
    url_concurrency: int = Field(default=8, ge=1, le=256, description="pictures that are fetched at once")
