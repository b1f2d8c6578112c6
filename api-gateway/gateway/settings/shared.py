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
    max_decode_bytes: int = Field(
        default=536_870_912,
        ge=1_048_576,
        le=17_179_869_184,
        description="Maximum memory, in bytes, to decode one image, as its format and size announce it. Larger: 413. "
        "A pixel takes, in bytes: JPEG, PNG, BMP and PPM 6; progressive JPEG up to 9; WebP 7, animated 11; GIF 8; "
        "HEIC 10; TIFF 10, in one strip more; AVIF 12, with more than 8 bits 18; JPEG 2000 20 in colour. The default "
        "is 86 megapixels of JPEG and 26 of JPEG 2000.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Minimum level of log messages."
    )
