"""From a request to the images that it sends, in whichever way it sends them."""

from starlette.requests import Request

from gateway.errors import InvalidImage, UnsupportedMediaType, printable
from gateway.intake import json_body
from gateway.intake.base64_text import decode_image
from gateway.intake.body import charset_of, check_declared, gather, media_type_of, read_body, stream_body
from gateway.intake.charset import check_charset
from gateway.intake.form import FIELD, MANY_FIELD, read_form
from gateway.intake.sources import Base64Image, NamedImage, SentImage, SentImages
from gateway.settings import Settings

FORM, JSON = "multipart/form-data", "application/json"


async def read_image(request: Request, settings: Settings) -> SentImage:
    """Read one image from the form field ``file``, from JSON, or from the body itself (image content type or none).

    The image is decoded and the body released, except for an image that has to be downloaded.

    Raises :class:`~gateway.errors.BodyTooLarge` as soon as the declared or counted size exceeds ``max_body_bytes``,
    :class:`~gateway.errors.UnsupportedMediaType` for other content types, and what :mod:`gateway.intake.form` and
    :mod:`gateway.intake.json_body` raise.
    """
    most = settings.max_body_bytes
    media_type = media_type_of(request)
    body = stream_body(request, json_body.most_json_bytes(most) if media_type == JSON else most)
    if media_type == FORM:
        form = await read_form(request.headers, body)
        return SentImage(form.only_file(FIELD), form.fields)
    # `curl -T image.jpg` sends no content type at all; the check of the header decides what it is.
    if media_type not in ("", "application/octet-stream", JSON) and not media_type.startswith("image/"):
        check_declared(request, most)
        raise UnsupportedMediaType(
            f"Content-Type {printable(media_type)} is not supported. Send a multipart form with the image in the field "
            f"'{FIELD}' (curl -F {FIELD}=@image.jpg), the image itself as image/jpeg, image/png and so on, or "
            f"{JSON} with 'image' (base64) or 'url'."
        )
    if media_type == JSON:
        check_charset(charset_of(request.headers["content-type"]))
        sent = json_body.read_one(await gather(body))
        if not isinstance(sent.source, Base64Image):
            return sent
        return SentImage(await decode_image(sent.source.text, most), sent.fields)
    content = await gather(body)
    if not content:
        raise InvalidImage("The body is empty (0 bytes). Send a form with the field 'file', or the image itself.")
    return SentImage(content)


async def read_images(request: Request, settings: Settings) -> SentImages:
    """Read several images from the form fields ``files`` and ``file``, or from JSON; at least one.

    Raises as :func:`read_image` does, and :class:`~gateway.errors.TooManyFiles`.
    """
    most, most_files = settings.max_batch_bytes, settings.max_batch_files
    media_type = media_type_of(request)
    if media_type == FORM:
        form = await read_form(request.headers, stream_body(request, most), most_files)
        if not form.files or any(sent.field not in (FIELD, MANY_FIELD) for sent in form.files):
            raise form.missing_file(MANY_FIELD)
        return SentImages(tuple(NamedImage(sent.filename, sent.data) for sent in form.files), form.fields)
    if media_type == JSON:
        check_charset(charset_of(request.headers["content-type"]))
        return json_body.read_many(await read_body(request, json_body.most_json_bytes(most)), most_files)
    check_declared(request, most)
    raise UnsupportedMediaType(
        f"Content-Type {printable(media_type)} is not supported. Send a multipart form with the images in the field "
        f"'{MANY_FIELD}' (curl -F {MANY_FIELD}=@a.jpg -F {MANY_FIELD}=@b.jpg), or {JSON} with 'images'."
    )
