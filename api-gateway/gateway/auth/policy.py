"""Whether authentication is required, decided once at start. A start that would leave the gateway open is refused."""

import ipaddress
import logging
from pathlib import Path
from urllib.parse import urlsplit

from gateway.auth.authenticator import Authenticator, Tokens
from gateway.auth.key_file import KeyFile
from gateway.settings import Settings
from gateway.settings.placement import EDGE
from gateway.settings.secret_files import SecretFileError, read_secret

logger = logging.getLogger("gateway.auth")

#: RFC 7518, section 3.2: a key of the hash's size or larger.
MIN_SECRET_BYTES = 32


class AuthSettingsError(Exception):
    """The settings would leave the gateway open, or closed to everybody; the message says how to fix it."""


def published_address(settings: Settings) -> str:
    """Return where others meet the gateway: a container listens everywhere, what counts is what is published of it.

    A proxy in front counts for the gateway behind it: then this is the word for that proxy, and no address.
    """
    if settings.is_behind_edge:
        return f"the profile {EDGE}"
    return settings.published_bind or settings.gateway_host


def is_loopback(address: str) -> bool:
    """Tell whether an address reaches this machine only. A name other than localhost may lead anywhere."""
    if address.lower() == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    return found.is_loopback


def create_authenticator(settings: Settings) -> Authenticator | None:
    """Return the authenticator, or None where no authentication is required. Raises :class:`AuthSettingsError`.

    ``AUTH=auto`` requires it when the gateway can be reached from elsewhere, and wherever keys or tokens are set up (an
    existing key file counts, so that revoking the last key does not open the gateway).
    """
    if settings.auth == "off":
        return None
    published = not is_loopback(published_address(settings))
    tokens = _token_verifier(settings)
    key_file = Path(settings.api_keys_file) if settings.api_keys_file else None
    # A file in a folder that cannot be entered is there for all we know.
    set_up = tokens is not None or (key_file is not None and _may_be_there(key_file))
    if settings.auth == "auto" and not published and not set_up:
        return None
    keys = KeyFile(key_file) if key_file is not None else None
    if keys is not None and keys.problem is not None:
        raise AuthSettingsError(
            f"API_KEYS_FILE={settings.api_keys_file}: {keys.problem}. "
            "bash scripts/keys.sh list gives the file to the user that the gateway runs as."
        )
    if tokens is None and (keys is None or len(keys) == 0):
        raise AuthSettingsError(_no_way_in(settings, published))
    return Authenticator(keys, tokens)


def _may_be_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _no_way_in(settings: Settings, published: bool) -> str:
    if published:
        why = f"The gateway would be open to others at {published_address(settings)}, and no API key or JWT is set up."
    elif settings.auth == "on":
        why = "AUTH=on, and no API key or JWT is set up."
    else:
        why = f"The key file {settings.api_keys_file} has no key, so nobody could get in."
    return (
        f"{why}\nMake a key:            bash scripts/keys.sh add NAME\n"
        "or name an issuer:     JWT_JWKS_URL or JWT_SECRET_FILE, with JWT_ISSUER and JWT_AUDIENCE\n"
        "or stay on loopback:   BIND=127.0.0.1, and no profile edge\n"
        "or leave it open:      AUTH=off"
    )


def _token_verifier(settings: Settings) -> Tokens | None:
    if not settings.jwt_jwks_url and not settings.jwt_secret_file:
        return None
    # Imported only here: the cryptography is megabytes that other gateways need not load.
    from gateway.auth.jwks import Jwks
    from gateway.auth.tokens import Secret, TokenRules, TokenVerifier

    for name in ("jwt_issuer", "jwt_audience"):
        if not getattr(settings, name):
            raise AuthSettingsError(f"{name.upper()} is missing: without it tokens made for other services would do.")
    allowed = frozenset(settings.jwt_algorithms.split(","))
    public = allowed & {"RS256", "ES256"}
    if settings.jwt_jwks_url and not public:
        raise AuthSettingsError("JWT_JWKS_URL needs RS256 or ES256 in JWT_ALGORITHMS.")
    if settings.jwt_secret_file and "HS256" not in allowed:
        raise AuthSettingsError("JWT_SECRET_FILE needs HS256 in JWT_ALGORITHMS.")
    jwks = None
    if settings.jwt_jwks_url:
        address = urlsplit(settings.jwt_jwks_url)
        if address.scheme != "https" and not is_loopback(address.hostname or ""):
            logger.warning("JWT_JWKS_URL is not https: anyone on the network path can put in keys of their own")
        jwks = Jwks(settings.jwt_jwks_url, public, settings.jwt_jwks_refresh_s, settings.jwt_jwks_max_age_s)
    rules = TokenRules(settings.jwt_issuer, settings.jwt_audience, settings.jwt_leeway_s)
    secret = Secret(_shared_secret(settings.jwt_secret_file)) if settings.jwt_secret_file else None
    return TokenVerifier(rules, allowed, jwks, secret)


def _shared_secret(path: str) -> bytes:
    try:
        secret = read_secret(Path(path))
    except SecretFileError as error:
        raise AuthSettingsError(f"JWT_SECRET_FILE={path}: {error}") from error
    if len(secret) < MIN_SECRET_BYTES:
        raise AuthSettingsError(
            f"JWT_SECRET_FILE={path}: HS256 needs {MIN_SECRET_BYTES} bytes at least, and it holds {len(secret)}. "
            "openssl rand -base64 48 makes a good one."
        )
    return secret
