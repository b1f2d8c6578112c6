"""The version of the model that a request names: as an option, in the header or in the address."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from starlette.requests import Request

from gateway.detection.parameters import Parameters
from gateway.errors import InvalidParameter, printable
from gateway.http.headers import VERSION_HEADER
from gateway.routing.document import LONGEST_VERSION, VERSION_FORM

_FORM = re.compile(VERSION_FORM)
VERSION_SCHEMA = {"type": "string", "maxLength": LONGEST_VERSION, "pattern": VERSION_FORM, "examples": ["1.1"]}


def is_version(text: str) -> bool:
    """Return whether this can be the name of a version."""
    return len(text) <= LONGEST_VERSION and _FORM.fullmatch(text) is not None


def _check(text: str) -> str:
    if not is_version(text):
        raise ValueError("not the form of a version; GET /models lists the versions that are served")
    return text


class VersionedOptions(Parameters):
    """The parameters of a detection, and the version that is to make it."""

    version: Annotated[str, AfterValidator(_check), WithJsonSchema(VERSION_SCHEMA)] | None = Field(
        default=None,
        description="Loaded version of the model that answers; default: the one served, or chosen by a traffic split",
    )


def requested_version(request: Request, named: str | None = None) -> str | None:
    """Return the version ``named`` by an option or the address, else by the header ``X-Model-Version``.

    Raises :class:`~gateway.errors.InvalidParameter` for an invalid header, even where it does not count.
    """
    versions = list(dict.fromkeys(request.headers.getlist(VERSION_HEADER)))
    if not versions:
        return named
    if len(versions) > 1:
        raise InvalidParameter(
            f"{VERSION_HEADER}: given twice, as {printable(versions[0])} and {printable(versions[1])}. Send it once."
        )
    if not is_version(versions[0]):
        raise InvalidParameter(
            f"{VERSION_HEADER}: not the form of a version; GET /models lists the versions that are served "
            f"(given: {printable(versions[0])})"
        )
    return named or versions[0]
