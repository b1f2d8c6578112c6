"""The settings of what keeps the gateway alive on an open network: limits, rates, proxies, other sites."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
#: A day: the longest window a rate may have, since its counters are kept in memory that long.
LONGEST_WINDOW_S = 86_400
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,255}")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def split(text: str) -> tuple[str, ...]:
    """Take a comma-separated list apart; blanks and empty entries count for nothing."""
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
    """Say whether this is an address or a network, and not a name."""
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return False
    return True


def _redis_url(text: str) -> str:
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("write it as redis://host:port/0, rediss://… for TLS, or unix:///path/to/socket")
    _ = urlsplit(text).port  # raises ValueError for a port that is none
    return text


#: An address of Redis, which may hold a password; empty for none.
RedisUrl = Annotated[str, AfterValidator(_redis_url)]


def _rates(text: str) -> str:
    parse_rates(text)
    return text


def _origins(text: str) -> str:
    for origin in split(text):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin; write https://example.org, without a path, or * for all")
    return text


def _proxies(text: str) -> str:
    for entry in split(text):
        # A name of digits and dots is a mistyped address, and * would let anyone choose whose address is seen.
        if not is_network(entry) and (not _NAME.fullmatch(entry) or not re.search("[A-Za-z]", entry) or "/" in entry):
            raise ValueError(f"{entry!r} is no address, network (10.0.0.0/8) or host name")
    return text


class LimitSettings(BaseSettings):
    """The part of :class:`~gateway.settings.Settings` that bounds what callers can do."""

    rate_limit: Annotated[str, AfterValidator(_rates)] = Field(
        default="", description="requests per caller, such as 60/minute or 10/second;600/hour; empty: no limit"
    )
    rate_limit_redis_url: RedisUrl = Field(
        default="", description="a Redis for the rate limits alone; empty: REDIS_URL"
    )
    rate_limit_redis_url_file: str = Field(default="", description="file that holds RATE_LIMIT_REDIS_URL, for a secret")
    max_in_flight: int = Field(
        default=0, ge=0, le=4096, description="predictions in the model server at once; 0: MAX_CONNECTIONS"
    )
    max_waiting: int = Field(default=128, ge=0, le=65536, description="predictions that may wait for their turn")
    max_wait_s: Seconds = Field(default=5, description="for a turn, before answering 'overloaded'")
    upload_memory_bytes: int = Field(
        default=268_435_456,
        ge=1024,
        le=2**40,
        description="bytes of all request bodies and fetched pictures held at once",
    )
    body_timeout_s: Seconds = Field(default=120, description="for a whole request body to arrive")
    body_gap_s: Seconds = Field(default=10, description="between two pieces of a body")
    body_min_rate: int = Field(
        default=1024, ge=0, le=2**30, description="bytes a second that a body must come with, after its first gap"
    )
    header_timeout_s: Seconds = Field(default=10, description="for a request's headers to arrive")
    send_timeout_s: Seconds = Field(default=30, description="for a client to take some more of its answer")
    max_header_bytes: int = Field(default=16_384, ge=1024, le=262_144, description="largest request head")
    max_headers: int = Field(default=100, ge=10, le=10_000, description="most headers of a request")
    max_query_bytes: int = Field(default=8192, ge=256, le=65_536, description="longest address with its query string")
    max_clients: int = Field(default=1024, ge=1, le=100_000, description="connections of clients at once")
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="", description="sites whose pages may call the gateway, comma-separated, * for all; empty: none"
    )
    forwarded_allow_ips: Annotated[str, AfterValidator(_proxies)] = Field(
        default="", description="proxies whose X-Forwarded-For and -Proto are believed: addresses, networks, names"
    )
    hsts_max_age_s: int = Field(
        default=31_536_000, ge=0, le=2**31 - 1, description="Strict-Transport-Security behind a TLS edge; 0: not sent"
    )
