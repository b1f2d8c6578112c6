"""The settings of who may ask."""

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
    """What ``Settings`` takes over; see there."""

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
