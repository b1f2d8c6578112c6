"""From a request to the images that it sends, in whichever way it sends them."""

from starlette.requests import Request

from gateway.errors import InvalidImage, UnsupportedMediaType, printable
from gateway.intake import form, json_body
from gateway.intake.body import read_body
from gateway.intake.content_type import FORM, JSON, read_content_type
from gateway.intake.form import FIELD, MANY_FIELD
from gateway.intake.sources import SentImage, SentImages
from gateway.settings import Settings


async def read_image(request: Request, settings: Settings) -> SentImage:
    """Read one image from the form field ``file``, from JSON, or from the body itself (image content type or none).

    The image is decoded and the body released, except for an image that has to be downloaded.

    Raises :class:`~gateway.errors.BodyTooLarge` as soon as the declared or counted size exceeds ``max_body_bytes``,
    :class:`~gateway.errors.UnsupportedMediaType` for other content types, and what :mod:`gateway.intake.form` and
    :mod:`gateway.intake.json_body` raise.
    """
    most = settings.max_body_bytes
    content_type = read_content_type(request.headers.get("content-type", ""))
    media_type = content_type.media_type
    # `curl -T image.jpg` sends no content type at all; the check of the header decides what it is.
    if media_type not in ("", "application/octet-stream", FORM, JSON) and not media_type.startswith("image/"):
        raise UnsupportedMediaType(
            f"Content-Type {printable(media_type)} is not supported. Send a multipart form with the image in the field "
            f"'{FIELD}' (curl -F {FIELD}=@image.jpg), the image itself as image/jpeg, image/png and so on, or "
            f"{JSON} with 'image' (base64) or 'url'."
        )
    body = await read_body(request, json_body.most_json_bytes(most) if media_type == JSON else most)
    if media_type == FORM:
        return SentImage(*await form.read_file(body, content_type.boundary))
    if media_type == JSON:
        return await json_body.read_one(body, most)
    if not body:
        raise InvalidImage("The body is empty (0 bytes). Send a form with the field 'file', or the image itself.")
    return SentImage(body)


async def read_images(request: Request, settings: Settings) -> SentImages:
    """Read several images from the form fields ``files`` and ``file``, or from JSON; at least one.

    Raises as :func:`read_image` does, and :class:`~gateway.errors.TooManyFiles`.
    """
    most, most_files = settings.max_batch_bytes, settings.max_batch_files
    content_type = read_content_type(request.headers.get("content-type", ""))
    if content_type.media_type == FORM:
        return await form.read_files(await read_body(request, most), content_type.boundary, most_files)
    if content_type.media_type == JSON:
        return json_body.read_many(await read_body(request, json_body.most_json_bytes(most)), most_files)
    raise UnsupportedMediaType(
        f"Content-Type {printable(content_type.media_type)} is not supported. Send a multipart form with the images in "
        f"the field '{MANY_FIELD}' (curl -F {MANY_FIELD}=@a.jpg -F {MANY_FIELD}=@b.jpg), or {JSON} with 'images'."
    )
