"""The gateway's settings: environment variables, typed and bounded, read once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from gateway.cache.settings import CacheSettings
from gateway.intake.url_policy import parse_allowed, parse_networks
from gateway.limits.settings import LimitSettings, RedisUrl, Seconds
from gateway.routing.server_list import parse_servers
from gateway.secret_files import SecretFileError, read_secret_text
from gateway.urls import base_url, whole_url

#: Pillow refuses pictures above twice its own limit whatever we say, so ours may not be set higher than that.
PILLOW_PIXEL_CEILING = 178_956_970


def _url_or_nothing(text: str) -> str:
    return whole_url(text) if text else ""


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _readable_file(text: str) -> str:
    if text and not os.access(text, os.R_OK):
        raise ValueError("there is no such file, or it cannot be read")
    return text


#: An ``http(s)://host:port[/prefix]`` address, kept as text without a trailing slash.
BaseUrl = Annotated[str, AfterValidator(base_url)]


def _parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    """Refuse text that ``parse`` cannot read, and keep it as text."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


ServerList = Annotated[str, _parsed_by(parse_servers)]
UrlAllowList = Annotated[str, _parsed_by(parse_allowed)]
NetworkList = Annotated[str, _parsed_by(parse_networks)]
#: An ``http(s)`` address of a document, or empty.
OptionalUrl = Annotated[str, AfterValidator(_url_or_nothing)]


class Settings(LimitSettings, CacheSettings):
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

    backend: str = Field(
        default="torchserve", description="which model server is behind: a name known to gateway.backends"
    )
    torchserve_inference_url: BaseUrl = Field(default="http://127.0.0.1:8085", description="TorchServe's inference API")
    torchserve_management_url: BaseUrl = Field(
        default="http://127.0.0.1:8086", description="TorchServe's management API"
    )
    torchserve_servers: ServerList = Field(
        default="",
        max_length=8192,
        description="further TorchServes that routing may switch to: name=inference_url|management_url,…",
    )
    oip_url: BaseUrl = Field(
        default="http://127.0.0.1:8080", description="the server of the Open Inference Protocol, with BACKEND=oip"
    )
    oip_token_file: Annotated[str, AfterValidator(_readable_file)] = Field(
        default="", description="file with the token that this server wants as Authorization: Bearer"
    )
    oip_encoding: Literal["auto", "binary", "json"] = Field(
        default="auto", description="how pictures go to this server: as binary data, or in JSON as base64"
    )
    oip_class_names: str = Field(
        default="", max_length=100_000, description="names of classes 0, 1, …, where this server only has numbers"
    )
    model_name: str = Field(
        default="yolo", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="name of the served model"
    )

    connect_timeout_s: Seconds = Field(default=0.5, description="to open a connection to the model server")
    read_timeout_s: Seconds = Field(default=60, description="to wait for the model server's answer")
    write_timeout_s: Seconds = Field(default=30, description="to hand a picture over to the model server")
    pool_timeout_s: Seconds = Field(
        default=5, description="to wait for a free connection before answering 'overloaded'"
    )
    max_connections: int = Field(
        default=64, ge=1, le=4096, description="connections to the model server, so requests in it"
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
    url_allow: UrlAllowList = Field(
        default="", description="hosts that pictures are fetched from: names, .suffixes, host:port; empty: none"
    )
    url_allow_private: NetworkList = Field(
        default="", description="networks that are not public and yet fetched from; dangerous"
    )
    url_timeout_s: Seconds = Field(default=10, description="to fetch a picture, redirects included")
    url_max_redirects: int = Field(default=3, ge=0, le=10, description="redirects followed to a picture")
    url_concurrency: int = Field(default=8, ge=1, le=256, description="pictures that are fetched at once")
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

    auth: Annotated[Literal["auto", "on", "off"], BeforeValidator(_lower)] = Field(
        default="auto",
        description="ask callers for a key or token; auto: when published beyond loopback, or when any is set up",
    )
    api_keys_file: str = Field(default="", description="file of API keys, as scripts/keys.sh writes it; empty: no keys")
    metrics_public: bool = Field(default=False, description="GET /metrics asks nobody for a key")
    jwt_jwks_url: OptionalUrl = Field(default="", description="where the issuer of tokens shows its public keys")
    jwt_secret_file: str = Field(default="", description="file with the secret of tokens signed with HS256")
    jwt_issuer: str = Field(default="", max_length=512, description="the claim iss that a token must have")
    jwt_audience: str = Field(default="", max_length=512, description="the claim aud that a token must have")
    jwt_algorithms: str = Field(
        default="RS256,ES256,HS256",
        pattern=r"^(RS256|ES256|HS256)(,(RS256|ES256|HS256))*$",
        description="how a token may be signed; HS256 with the secret only, the others with the issuer's keys only",
    )
    jwt_leeway_s: float = Field(
        default=30, ge=0, le=600, allow_inf_nan=False, description="that clocks may differ when a token's times count"
    )
    jwt_jwks_refresh_s: float = Field(
        default=300, ge=1, le=86_400, allow_inf_nan=False, description="age at which the issuer's keys are fetched anew"
    )
    jwt_jwks_max_age_s: float = Field(
        default=86_400,
        ge=1,
        le=2_592_000,
        allow_inf_nan=False,
        description="age up to which known keys are used while the issuer cannot be reached",
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
