"""From a request to the pictures that it carries or names, whichever way they are sent."""

from starlette.requests import Request

from gateway.detection.sources import Named, Sent, SentMany
from gateway.errors import InvalidImage, UnsupportedMediaType, printable
from gateway.intake import json_body
from gateway.intake.form import (
    FIELD,
    MANY_FIELD,
    check_declared,
    media_type_of,
    missing_file,
    only_file,
    read_body,
    read_form,
)
from gateway.settings import Settings

FORM, JSON = "multipart/form-data", "application/json"


async def read_picture(request: Request, settings: Settings) -> Sent:
    """Take one picture from the form field ``file``, from JSON, or, with an image content type or none, the body.

    Raises :class:`~gateway.errors.BodyTooLarge` as soon as the declared or counted size passes ``max_body_bytes``,
    :class:`~gateway.errors.UnsupportedMediaType` for other content types, and what :mod:`gateway.intake.form` and
    :mod:`gateway.intake.json_body` raise.
    """
    most = settings.max_body_bytes
    media_type = media_type_of(request)
    if media_type == FORM:
        form = await read_form(request, most)
        return Sent(only_file(form), form.fields)
    # No content type at all is what `curl -T picture.jpg` sends; the header check decides what it is.
    if media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
        body = await read_body(request, most)
        if not body:
            raise InvalidImage("The body is empty (0 bytes). Send a form with the field 'file', or the picture itself.")
        return Sent(body)
    if media_type == JSON:
        return json_body.read_one(await read_body(request, json_body.most_json_bytes(most)))
    check_declared(request, most)
    raise UnsupportedMediaType(
        f"Content-Type {printable(media_type)} is not taken. Send a multipart form with the picture in the field "
        f"'{FIELD}' (curl -F {FIELD}=@picture.jpg), the picture itself as image/jpeg, image/png and the like, or "
        f"{JSON} with 'image' (base64) or 'url'."
    )


async def read_pictures(request: Request, settings: Settings) -> SentMany:
    """Take several pictures from the form fields ``files`` and ``file``, or from JSON; at least one.

    Raises as :func:`read_picture` does, and :class:`~gateway.errors.TooManyFiles`.
    """
    most, most_files = settings.max_batch_bytes, settings.max_batch_files
    media_type = media_type_of(request)
    if media_type == FORM:
        form = await read_form(request, most, most_files)
        if not form.files or any(sent.field not in (FIELD, MANY_FIELD) for sent in form.files):
            raise missing_file(form, MANY_FIELD)
        return SentMany(tuple(Named(sent.filename, sent.data) for sent in form.files), form.fields)
    if media_type == JSON:
        return json_body.read_many(await read_body(request, json_body.most_json_bytes(most)), most_files)
    check_declared(request, most)
    raise UnsupportedMediaType(
        f"Content-Type {printable(media_type)} is not taken. Send a multipart form with the pictures in the field "
        f"'{MANY_FIELD}' (curl -F {MANY_FIELD}=@a.jpg -F {MANY_FIELD}=@b.jpg), or {JSON} with 'images'."
    )
