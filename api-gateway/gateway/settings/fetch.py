"""The settings of images that are downloaded by URL."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.fields import parsed_by
from gateway.settings.limits import Seconds
from gateway.settings.netrc_file import read_netrc
from gateway.settings.url_allow import parse_allowed, parse_networks

UrlAllowList = Annotated[str, parsed_by(parse_allowed)]
NetworkList = Annotated[str, parsed_by(parse_networks)]


class UrlSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    url_allow: UrlAllowList = Field(
        default="",
        description="Hosts from which images may be downloaded by URL, comma-separated: `cdn.example.com`, "
        "`.example.com` (and all subdomains), `cam.example.com:8443` (another port), `*` (every public host). Empty: "
        "none, images by URL are disabled.",
    )
    url_allow_private: NetworkList = Field(
        default="",
        description="DANGEROUS: private networks from which images may be downloaded all the same, such as "
        "`192.168.7.0/24` for cameras. Everybody who may call the gateway can then make it send requests there, to the "
        "hosts that `URL_ALLOW` lists.",
    )
    url_deny: NetworkList = Field(
        default="",
        description="Addresses and networks from which images are never downloaded, whatever `URL_ALLOW` and "
        "`URL_ALLOW_PRIVATE` say. The addresses of this machine's own interfaces are refused anyway; name here the "
        "public address of a machine behind NAT, and of the host in Compose.",
    )
    url_netrc_file: Annotated[str, parsed_by(read_netrc)] = Field(
        default="",
        description="File with users and passwords of cameras, such as `machine HOST login USER password PASSWORD`, a "
        "line each. Relative to the repository root; in Compose below `secrets/`. Everybody who may call the gateway "
        "gets the images of these hosts, if `URL_ALLOW` lists them. A password is sent to its host only, and as Digest "
        "where the host offers that.",
    )
    url_timeout_s: Seconds = Field(default=10, description="Seconds to download one image, redirects included.")
    url_max_redirects: int = Field(default=3, ge=0, le=10, description="Maximum number of redirects to an image.")
    url_concurrency: int = Field(default=16, ge=1, le=256, description="Images downloaded at a time.")
    url_concurrency_per_caller: int = Field(
        default=4,
        ge=1,
        le=256,
        description="Images downloaded at a time for one caller (API key, or else address; for IPv6 the /64 network). "
        "Others wait, within `URL_TIMEOUT_S`.",
    )
