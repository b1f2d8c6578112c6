"""The settings of the gateway's own work: batches, annotated images, shadows, and the end of the process."""

from pydantic import Field
from pydantic_settings import BaseSettings


class ServiceSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    max_batch_files: int = Field(
        default=32, ge=1, le=1000, description="`POST /predict/batch`: maximum number of images. More: 422."
    )
    max_batch_bytes: int = Field(
        default=67_108_864,
        ge=1024,
        le=2**31,
        description="`POST /predict/batch`: maximum size of the body in bytes. `MAX_BODY_BYTES` still applies to each "
        "image.",
    )
    batch_concurrency: int = Field(
        default=4, ge=1, le=256, description="Images of one batch that are at the model server at a time."
    )
    deepstack_max_detections: int = Field(
        default=20,
        ge=1,
        le=3000,
        description="DeepStack's routes: maximum number of detections in an answer, highest confidence first. Frigate "
        "has room for 20 and fails beyond.",
    )
    draw_concurrency: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Annotated images drawn at a time, all within `DRAW_MEMORY_BYTES`.",
    )
    draw_memory_bytes: int = Field(
        default=402_653_184,
        ge=16_777_216,
        le=17_179_869_184,
        description="Maximum memory, in bytes, of all annotated images that are drawn at a time. An image that takes "
        "more is drawn at half of its size or less if it is JPEG or JPEG 2000; others: 413. A pixel takes, in bytes: "
        "JPEG and PNG 5, rotated 8, progressive JPEG up to 10; PNG with transparency 8, of 16 bits 10; BMP 8; GIF 9; "
        "TIFF and PPM 10; AVIF and HEIC 12; WebP 17; JPEG 2000 20 in colour; an annotated PNG 8, WebP 12.",
    )
    shadow_in_flight: int = Field(
        default=2,
        ge=0,
        le=64,
        description="Images that a shadow version processes at a time, after their answers were sent. Further images "
        "are skipped. 0: no shadow.",
    )
    shutdown_grace_s: int = Field(
        default=30, ge=0, le=3600, description="Seconds to finish requests in flight on shutdown."
    )
