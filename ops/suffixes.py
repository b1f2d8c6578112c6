"""What counts as a picture in a folder; a file that is named itself is taken whatever it is called."""

PICTURES = frozenset(
    [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif", ".jp2", ".ppm"]
)
