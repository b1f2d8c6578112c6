"""What models.toml says of a model."""

from __future__ import annotations

from model_settings import NONE, ModelSettings, ModelSettingsError, read
from ops.errors import OpsError
from ops.paths import MODELS_FILE
from ops.torchserve.host import Host


def of(host: Host) -> ModelSettings:
    """Return the settings of a host's model. Raises OpsError for a file that cannot be used."""
    try:
        return read(MODELS_FILE).get(host.model, NONE)
    except ModelSettingsError as error:
        raise OpsError(f"{error}. Nothing changed") from error
