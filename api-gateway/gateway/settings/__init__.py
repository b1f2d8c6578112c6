"""The gateway's settings: environment variables, typed and bounded, read once."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from gateway.settings.auth import AuthSettings
from gateway.settings.cache import CacheSettings
from gateway.settings.fetch import UrlSettings
from gateway.settings.limits import LimitSettings, RedisUrl
from gateway.settings.model_server import BackendSettings
from gateway.settings.secret_files import SecretFileError, read_secret_text

#: Pillow refuses pictures above twice its own limit whatever we say, so ours may not be set higher than that.
PILLOW_PIXEL_CEILING = 178_956_970


class Settings(BackendSettings, AuthSettings, UrlSettings, LimitSettings, CacheSettings):
    """Every setting of the gateway; the field ``max_body_bytes`` is the variable ``MAX_BODY_BYTES``, and so on.

    An empty variable counts as unset, because Compose passes optional ones on as empty strings.
    Raises ``pydantic.ValidationError`` for a value out of its bounds: see :func:`describe_invalid`.
    """

    # Defaults go through the validators too, so that URLs have one form wherever they come from.
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True)

    gateway_host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    gateway_port: int = Field(default=8001, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    published_bind: str = Field(
        default="",
        description="address that a container's port is published at; empty: gateway_host is what others see",
    )
    published_profiles: str = Field(
        default="", description="Compose profiles that run beside; edge passes requests from the internet on"
    )

    routing_file: str = Field(
        default="", max_length=4096, description="routing.json, written by ops; empty: no routing"
    )
    shadow_in_flight: int = Field(
        default=2, ge=0, le=64, description="pictures that a shadowed version looks at, at once; 0 turns it off"
    )

    max_body_bytes: int = Field(default=20_971_520, ge=1024, le=2**30, description="largest request body")
    max_image_pixels: int = Field(
        default=64_000_000, ge=1, le=PILLOW_PIXEL_CEILING, description="largest picture, width times height"
    )
    max_batch_files: int = Field(default=32, ge=1, le=1000, description="most pictures in one batch")
    max_batch_bytes: int = Field(
        default=67_108_864, ge=1024, le=2**31, description="largest body of a batch; each picture keeps max_body_bytes"
    )
    batch_concurrency: int = Field(
        default=4, ge=1, le=256, description="pictures of one batch that are with the model server at once"
    )
    draw_concurrency: int = Field(default=2, ge=1, le=64, description="annotated pictures that are drawn at once")
    ready_grace_s: float = Field(
        default=5,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="not ready for longer than this: predictions are refused",
    )
    shutdown_grace_s: int = Field(
        default=30, ge=0, le=3600, description="to finish requests in flight when told to stop"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="lowest level that is logged"
    )

    redis_url: RedisUrl = Field(
        default="", description="the Redis that gateways share: redis://[:password@]host:port/0"
    )
    redis_url_file: str = Field(default="", description="file that holds REDIS_URL, for a secret")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, given: Any) -> Any:
        """Take the value of a field ``x`` from the file that ``x_file`` names: secrets are mounted as files."""
        if not isinstance(given, dict):
            return given
        for name in secrets():
            if not (path := given.get(f"{name}_file")):
                continue
            variable = name.upper()
            if given.get(name):
                raise ValueError(f"{variable} and {variable}_FILE are both set; keep one of them")
            try:
                given = {**given, name: read_secret_text(Path(path))}
            except SecretFileError as error:
                raise ValueError(f"{variable}_FILE={path!r} cannot be read: {error}") from error
        return given

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.cache == "redis" and not (self.cache_redis_url or self.redis_url):
            raise ValueError("CACHE=redis needs an address: set CACHE_REDIS_URL or REDIS_URL")
        return self


def secrets() -> tuple[str, ...]:
    """Name the fields that may come from a file instead (there is a field ``NAME_file``) and are never printed."""
    fields = Settings.model_fields
    return tuple(name for name in fields if f"{name}_file" in fields)


def describe_invalid(error: ValidationError) -> str:
    """Say which variables are wrong and how, one line each, for the person who set them. No secret is repeated."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if not name:  # about several together: the message names them, and the input would be all of them
            lines.append(message)
        elif name in secrets():
            lines.append(f"{name.upper()}: {message}")
        else:
            lines.append(f"{name.upper()}={problem['input']!r}: {problem['msg']}")
    return "\n".join(lines)
