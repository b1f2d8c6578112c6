"""The version of the model that a request names: as an option, in the header or in the address."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from starlette.requests import Request

from gateway.detection.parameters import Parameters, read_options
from gateway.http.headers import VERSION_HEADER
from gateway.routing.document import LONGEST_VERSION, VERSION_FORM

_FORM = re.compile(VERSION_FORM)
VERSION_SCHEMA = {"type": "string", "maxLength": LONGEST_VERSION, "pattern": VERSION_FORM, "examples": ["1.1"]}


#: Characters of a model's name, as of MODEL_NAME.
LONGEST_MODEL = 64
#: Models of one request.
MOST_MODELS = 8


def is_version(text: str) -> bool:
    """Return whether this can be the name of a version."""
    return len(text) <= LONGEST_VERSION and _FORM.fullmatch(text) is not None


def _check(text: str) -> str:
    if not is_version(text):
        raise ValueError("not the form of a version; GET /models lists the versions that are served")
    return text


_Version = Annotated[str, AfterValidator(_check), WithJsonSchema(VERSION_SCHEMA)]


class VersionedOptions(Parameters):
    """The parameters of a detection, and the model and version that are to make it."""

    model: str | None = Field(
        default=None,
        max_length=MOST_MODELS * (LONGEST_MODEL + 2),
        description="Name of the model that answers, or several with commas between them, at most "
        f"{MOST_MODELS}: each then has an answer of its own. GET /models lists those that are served. Default: the "
        "model `yolo`, or the one that MODEL_NAME names",
        examples=["yolo"],
    )
    version: _Version | None = Field(
        default=None,
        description="Loaded version of the model that answers; default: the one served, or chosen by a traffic split",
    )


class _Header(BaseModel):
    version: _Version = Field(validation_alias=VERSION_HEADER)


def version_in_header(request: Request) -> str | None:
    """Return the version that the header ``X-Model-Version`` names; an empty header is an absent one.

    An option or the address takes precedence over it. Raises :class:`~gateway.errors.InvalidParameter` for an invalid
    header, even where it does not count.
    """
    given = [(VERSION_HEADER, value) for value in request.headers.getlist(VERSION_HEADER) if value]
    return read_options(_Header, given).version if given else None
