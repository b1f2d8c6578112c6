"""Read an image's header, never its pixels: its format and its size in pixels."""

import io
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

from gateway.detection.image_size import check_pixels
from gateway.errors import ApiError, ImageTooLarge, InvalidImage, UnsupportedImage

#: Pillow's names of the formats that the model server reads too; Pillow's other parsers are never run.
READ_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF", "JPEG2000", "PPM")
#: Given a format without a registered parser, Pillow fails instead of trying the next one.
_PILLOWS_OWN = tuple(name for name in READ_FORMATS if name != "HEIF")

#: How a file of a format begins: distinguishes a damaged image from another kind of file.
_BEGINNINGS = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"RIFF", "WEBP"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP", "JPEG2000"),
)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
#: A JPEG's markers of frame headers (SOF), and those after which none follows: the scan, the end.
_FRAMES = frozenset(bytes((0xFF, code)) for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
_NO_FRAME_FOLLOWS = frozenset({b"\xff\xda", b"\xff\xd9"})
#: More than a camera writes before the frame; a hostile file must not be walked through four bytes at a time.
_MOST_SEGMENTS = 4096
#: Exif orientations that swap width and height.
_SIDEWAYS = frozenset({5, 6, 7, 8})
#: Where Pillow finds a JPEG's orientation.
_ORIENTED = frozenset({"exif", "xmp"})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Pillow's name of the format, and the image's size in pixels once it is turned upright by its Exif orientation."""

    format: str
    width: int
    height: int


def read_image_header(data: bytes, max_pixels: int) -> ImageHeader:
    """Check the header of an encoded image, in well under a millisecond and without decoding the pixels.

    The model server checks that the pixels decode. Raises :class:`~gateway.errors.InvalidImage` if ``data`` is empty
    or its header is cut short or damaged, :class:`~gateway.errors.UnsupportedImage` if it is not an image in a
    supported format, and :class:`~gateway.errors.ImageTooLarge` beyond ``max_pixels``.
    """
    if not data:
        raise InvalidImage("The image is empty (0 bytes).")
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of sizes beyond a limit of its own; here the limit is max_pixels.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=formats_of(data)) as image:
                width, height = image.size
                check_pixels(width, height, max_pixels)
                if _is_sideways(image):
                    width, height = height, width
                return ImageHeader(image.format or "unknown", width, height)
        except Image.DecompressionBombError as error:
            raise ImageTooLarge(f"The image has more than {max_pixels} pixels. Scale it down.") from error
        except ImageTooLarge:
            raise
        except UnidentifiedImageError as error:
            raise _damaged(data) or _unknown() from error
        except Exception as error:
            # Pillow's parsers raise anything from EOFError to struct.error on a hostile header.
            raise _damaged(data) or InvalidImage("The image's header is damaged.") from error


def formats_of(data: bytes) -> tuple[str, ...]:
    """Return Pillow's names of the formats to try on these bytes, each of which it can read from then on."""
    if not _is_heif(data):
        return _PILLOWS_OWN
    if "HEIF" not in Image.OPEN:
        # At the first HEIC image: loading libheif takes 0.1 s that most gateways never need.
        import pi_heif

        pi_heif.register_heif_opener()
    return ("HEIF",)


def swaps_sides(image: Image.Image) -> bool:
    """Return whether the image's Exif orientation swaps width and height. Pillow raises anything on damaged Exif."""
    return image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS


def _is_sideways(image: Image.Image) -> bool:
    # Pillow gives a TIFF's size upright already, and would decode a whole PNG to look for Exif behind its pixels.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return False
    if image.format == "JPEG" and not _ORIENTED & image.info.keys():
        return False
    try:
        return swaps_sides(image)
    except Exception:  # unreadable metadata does not make an image invalid
        return False


def _damaged(data: bytes) -> ApiError | None:
    bits = _bits_of_jpeg(data)
    if bits is not None and 8 < bits <= 16:  # intact, but Pillow reports it as it reports damage
        return UnsupportedImage(f"{bits}-bit JPEG is not supported. Save the image again with 8 bits per sample.")
    name = "HEIC" if _is_heif(data) else next((name for start, name in _BEGINNINGS if data.startswith(start)), None)
    if name is None:
        return None
    return InvalidImage(f"The file begins like a {name} image, but its header is cut short or damaged.")


def _bits_of_jpeg(data: bytes) -> int | None:
    """Return the bits per sample in a JPEG's frame header; None if there is no such header."""
    position = 2
    for _ in range(_MOST_SEGMENTS if data.startswith(b"\xff\xd8") else 0):
        marker = data[position : position + 2]
        if marker[:1] != b"\xff" or marker in _NO_FRAME_FOLLOWS:
            return None
        if marker in _FRAMES:
            bits = data[position + 4 : position + 5]
            return bits[0] if bits else None
        # 0xff may stand before a marker any number of times.
        filled = marker == b"\xff\xff"
        position += 1 if filled else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _unknown() -> UnsupportedImage:
    return UnsupportedImage(f"Not an image in a supported format ({', '.join(READ_FORMATS)}).")


def _is_heif(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS
