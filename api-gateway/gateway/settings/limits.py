"""The settings of an open network: rates, limits, timeouts, proxies, other sites."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
#: A day, the longest window of a rate: its counters are kept in memory that long.
LONGEST_WINDOW_S = 86_400
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,255}")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def split(text: str) -> tuple[str, ...]:
    """Split a comma-separated list; blanks and empty entries are ignored."""
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)


def parse_rates(text: str) -> tuple[RateLimitItem, ...]:
    """Read ``60/minute`` or several rates, ``10/second;600/hour``. Raises ``ValueError`` for anything else."""
    if not text:
        return ()
    try:
        rates = tuple(parse_many(text))
    except ValueError as error:
        raise ValueError("write a rate as 60/minute, or several as 10/second;600/hour") from error
    if any(rate.amount < 1 or not 1 <= rate.get_expiry() <= LONGEST_WINDOW_S for rate in rates):
        raise ValueError("a rate allows at least 1 request, in a window from one second to one day")
    return rates


def is_network(entry: str) -> bool:
    """Return whether this is an address or a network, and not a name."""
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return False
    return True


def _redis_url(text: str) -> str:
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("write it as redis://host:port/0, rediss://… for TLS, or unix:///path/to/socket")
    _ = urlsplit(text).port  # raises ValueError for an invalid port
    return text


#: An address of Redis, which may hold a password; empty for none.
RedisUrl = Annotated[str, AfterValidator(_redis_url)]


def _rates(text: str) -> str:
    parse_rates(text)
    return text


def _origins(text: str) -> str:
    for origin in split(text):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is not an origin; write https://example.org, without a path, or * for all")
    return text


def _hosts(text: str) -> str:
    for entry in split(text):
        if entry != "*" and not _NAME.fullmatch(entry.removeprefix("*.")):
            raise ValueError(
                f"{entry!r} is not a host name; write yolo.example.org, *.example.org for all below it, or *"
            )
    return text


def _proxies(text: str) -> str:
    for entry in split(text):
        # A name of digits and dots is a mistyped address; * would let every caller forge its address.
        if not is_network(entry) and (not _NAME.fullmatch(entry) or not re.search("[A-Za-z]", entry) or "/" in entry):
            raise ValueError(f"{entry!r} is not an address, a network (10.0.0.0/8) or a host name")
    return text


class LimitSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    rate_limit: Annotated[str, AfterValidator(_rates)] = Field(
        default="",
        description="Requests per caller (API key, or else address; for IPv6 the /64 network): `60/minute` or "
        "`10/second;600/hour`. All requests of a window may come in one burst. Empty: no limit. More: 429.",
    )
    redis_url: RedisUrl = Field(
        default="",
        description="Redis shared by several gateways, `redis://[:password@]host:6379/0`. With it, rates count for all "
        "gateways together. Compose's own Redis (profile redis): `redis://redis:6379/0`.",
    )
    redis_url_file: str = Field(default="", description="File that holds `REDIS_URL` instead.")
    rate_limit_redis_url: RedisUrl = Field(
        default="", description="Separate Redis for the rate limits. Empty: `REDIS_URL`."
    )
    rate_limit_redis_url_file: str = Field(default="", description="File that holds `RATE_LIMIT_REDIS_URL` instead.")
    max_in_flight: int = Field(
        default=0,
        ge=0,
        le=4096,
        description="Maximum number of predictions in the model server at a time. The gateway sends fewer when they "
        "would only wait there. 0: `MAX_CONNECTIONS`.",
    )
    max_waiting: int = Field(
        default=128, ge=0, le=65536, description="Maximum number of predictions waiting for their turn. More: 503."
    )
    max_wait_s: Seconds = Field(
        default=2,
        description="Seconds that a prediction may wait for its turn. If its turn would come later, the answer is 503 "
        "at once. Batches and requests of low priority: `READ_TIMEOUT_S`.",
    )
    upload_memory_bytes: int = Field(
        default=268_435_456,
        ge=1024,
        le=2**40,
        description="Bytes of all request bodies and downloaded images held at a time. More: 503. The gateway uses up "
        "to about twice that.",
    )
    body_timeout_s: Seconds = Field(default=120, description="Seconds to receive a whole body. Longer: 408.")
    body_gap_s: Seconds = Field(default=10, description="Maximum seconds between two pieces of a body. Longer: 408.")
    body_min_rate: int = Field(
        default=1024,
        ge=0,
        le=2**30,
        description="Minimum rate of a body in bytes per second, after its first gap. 0: any. Slower: 408.",
    )
    header_timeout_s: Seconds = Field(default=10, description="Seconds to receive a request's headers.")
    send_timeout_s: Seconds = Field(
        default=30, description="Seconds in which a client must read some more of its answer."
    )
    max_header_bytes: int = Field(
        default=16_384, ge=1024, le=262_144, description="Maximum size of a request's headers in bytes. Larger: 431."
    )
    max_headers: int = Field(
        default=100, ge=10, le=10_000, description="Maximum number of headers of a request. More: 431."
    )
    max_query_bytes: int = Field(
        default=8192, ge=256, le=65_536, description="Maximum length of an address with its query string. Longer: 414."
    )
    max_clients: int = Field(
        default=1024, ge=1, le=100_000, description="Maximum number of client connections. More: 503."
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="",
        description="Sites whose pages may call the gateway, such as `https://shop.example,https://other.example`; `*` "
        "for all. Empty: none.",
    )
    allowed_hosts: Annotated[str, AfterValidator(_hosts)] = Field(
        default="",
        description="Names under which the service may be called besides `localhost` and any IP address, such as "
        "`yolo.example.org,*.lan`; `*` for all. A gateway without authentication and TorchServe's ports answer to no "
        "other name, so that a web page cannot reach them through a name of its own (DNS rebinding). Compose adds "
        "`DOMAIN` and the services' names.",
    )
    forwarded_allow_ips: Annotated[str, AfterValidator(_proxies)] = Field(
        default="",
        description="Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted: addresses, networks, host "
        "names, comma-separated. In Compose the profile edge is trusted as well. Empty: none.",
    )
    hsts_max_age_s: int = Field(
        default=31_536_000,
        ge=0,
        le=2**31 - 1,
        description="Seconds for which browsers are told to use HTTPS only, if a trusted proxy says that the request "
        "used it. 0: not told.",
    )
