"""The settings of the cache of answers."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from gateway.settings.limits import RedisUrl


class CacheSettings(BaseSettings):
    """What ``Settings`` takes over; see there."""

    cache: Literal["off", "memory", "redis"] = Field(default="off", description="where answers are remembered")
    cache_ttl_s: float = Field(
        default=3600, gt=0, le=2_592_000, allow_inf_nan=False, description="for how long an answer is remembered"
    )
    cache_max_bytes: int = Field(
        default=67_108_864, ge=65_536, le=2**36, description="CACHE=memory: what all answers together may take"
    )
    cache_timeout_s: float = Field(
        default=0.05, ge=0.001, le=5, allow_inf_nan=False, description="CACHE=redis: to wait for Redis before going on"
    )
    cache_redis_url: RedisUrl = Field(default="", description="a Redis for the cache alone; empty: REDIS_URL")
    cache_redis_url_file: str = Field(default="", description="file that holds CACHE_REDIS_URL, for a secret")
