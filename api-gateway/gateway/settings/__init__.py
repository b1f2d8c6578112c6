"""The gateway's settings: environment variables, typed and bounded, read once."""

from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from gateway.settings.auth import AuthSettings
from gateway.settings.cache import CacheSettings
from gateway.settings.fetch import UrlSettings
from gateway.settings.limits import LimitSettings
from gateway.settings.model_server import BackendSettings
from gateway.settings.placement import PlacementSettings
from gateway.settings.secret_files import SecretFileError, read_secret_text, readable_by_others
from gateway.settings.service import ServiceSettings
from gateway.settings.shared import SharedSettings
from gateway.settings.tracing import TracingSettings


class Settings(
    PlacementSettings,
    SharedSettings,
    BackendSettings,
    ServiceSettings,
    UrlSettings,
    LimitSettings,
    AuthSettings,
    CacheSettings,
    TracingSettings,
):
    """Every setting of the gateway; the field ``max_body_bytes`` is the variable ``MAX_BODY_BYTES``, and so on.

    An empty variable counts as unset, because Compose passes optional ones on as empty strings.
    Raises ``pydantic.ValidationError`` for a value out of its bounds: see :func:`describe_invalid`.
    """

    # Defaults go through the validators too, so that URLs have one form wherever they come from.
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, given: Any) -> Any:
        """Take the value of a field ``x`` from the file that ``x_file`` names, because secrets are mounted as files."""
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
        if self.torchserve_inference_url.count(",") != self.torchserve_management_url.count(","):
            raise ValueError(
                "TORCHSERVE_INFERENCE_URL and TORCHSERVE_MANAGEMENT_URL have different numbers of URLs; give both of "
                "each TorchServe, in the same order"
            )
        return self


def secrets() -> tuple[str, ...]:
    """Return the fields that may come from a file instead (``NAME_file`` exists). They are never printed."""
    fields = Settings.model_fields
    return tuple(name for name in fields if f"{name}_file" in fields)


def open_secrets(settings: Settings) -> dict[str, str]:
    """Return the files of secrets that every user of this machine can read, by the variable that names them."""
    paths = {name: getattr(settings, name) for name in Settings.model_fields if name.endswith("_file")}
    del paths["routing_file"], paths["models_file"]
    return {name.upper(): path for name, path in paths.items() if path and readable_by_others(Path(path))}


def describe_invalid(error: ValidationError) -> str:
    """Return which variables are wrong and why, a line each, for the operator. Secrets are never repeated."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if not name:  # about several variables: the message names them, and the input would be all settings
            lines.append(message)
        elif name in secrets():
            lines.append(f"{name.upper()}: {message}")
        else:
            lines.append(f"{name.upper()}={problem['input']!r}: {problem['msg']}")
    return "\n".join(lines)
