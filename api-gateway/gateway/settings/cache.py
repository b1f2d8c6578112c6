"""The settings of the cache of answers."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.limits import RedisUrl


class CacheSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    cache: Literal["off", "memory", "redis"] = Field(
        default="off",
        description="Where answers are stored: `memory` is that of each gateway process, `redis` is shared by all.",
    )
    cache_ttl_s: float = Field(
        default=3600,
        gt=0,
        le=2_592_000,
        allow_inf_nan=False,
        description="Seconds that an answer is stored. It is never used for another version than the one that produced "
        "it.",
    )
    cache_max_bytes: int = Field(
        default=67_108_864,
        ge=65_536,
        le=2**36,
        description="With `CACHE=memory`: maximum size of all answers in bytes. In Redis its own maxmemory applies.",
    )
    cache_timeout_s: float = Field(
        default=0.05,
        ge=0.001,
        le=5,
        allow_inf_nan=False,
        description="With `CACHE=redis`: seconds to wait for Redis before the image goes to the model server as if "
        "nothing were stored.",
    )
    cache_redis_url: RedisUrl = Field(default="", description="Separate Redis for the cache. Empty: `REDIS_URL`.")
    cache_redis_url_file: str = Field(default="", description="File that holds `CACHE_REDIS_URL` instead.")
