"""The settings that the gateway and the model server must agree on."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

#: Pillow rejects images above twice its own limit, whatever ours is.
PILLOW_PIXEL_CEILING = 178_956_970


class SharedSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`. The model server declares these with the same defaults."""

    max_body_bytes: int = Field(
        default=20_971_520, ge=1024, le=2**30, description="Maximum size of a request body in bytes. Larger: 413."
    )
    max_image_pixels: int = Field(
        default=64_000_000,
        ge=1,
        le=PILLOW_PIXEL_CEILING,
        description="Maximum size of an image in pixels, width times height, whatever its file size. Larger: 413.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Minimum level of log messages."
    )
