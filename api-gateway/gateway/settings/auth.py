"""The settings of authentication: API keys and tokens."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings

from gateway.settings.urls import whole_url


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _url_or_nothing(text: str) -> str:
    return whole_url(text) if text else ""


#: An ``http(s)`` address of a document, or empty.
OptionalUrl = Annotated[str, AfterValidator(_url_or_nothing)]


class AuthSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    auth: Annotated[Literal["auto", "on", "off"], BeforeValidator(_lower)] = Field(
        default="auto",
        description="`auto`: callers need a key or token if `BIND` is not loopback, and wherever keys or tokens are "
        "configured. `on`: always. `off`: never.",
    )
    metrics_public: bool = Field(default=False, description="`GET /metrics` requires no authentication.")
    jwt_jwks_url: OptionalUrl = Field(
        default="",
        description="JSON Web Tokens: address of the issuer's public keys (RS256, ES256). `JWT_ISSUER` and "
        "`JWT_AUDIENCE` are then required.",
    )
    jwt_secret_file: str = Field(
        default="",
        description="JSON Web Tokens: file with the secret (HS256), relative to the repository root; in Compose below "
        "`secrets/`. `JWT_ISSUER` and `JWT_AUDIENCE` are then required.",
    )
    jwt_issuer: str = Field(default="", max_length=512, description="Required value of the claim `iss`.")
    jwt_audience: str = Field(default="", max_length=512, description="Required value of the claim `aud`.")
    jwt_algorithms: str = Field(
        default="RS256,ES256,HS256",
        pattern=r"^(RS256|ES256|HS256)(,(RS256|ES256|HS256))*$",
        description="Accepted signature algorithms. HS256 needs the secret, the others need the issuer's keys.",
    )
    jwt_leeway_s: float = Field(
        default=30, ge=0, le=600, allow_inf_nan=False, description="Accepted clock difference in seconds."
    )
    jwt_jwks_refresh_s: float = Field(
        default=300,
        ge=1,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds after which the issuer's keys are fetched again. An unknown key is fetched at once.",
    )
    jwt_jwks_max_age_s: float = Field(
        default=86_400,
        ge=1,
        le=2_592_000,
        allow_inf_nan=False,
        description="Seconds that known keys stay valid while the issuer cannot be reached.",
    )
