"""What a request says about versions: the one it names, and who asks, so that one client keeps one version."""

import re
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from gateway.errors import InvalidParameter, printable
from gateway.http.caller import IDENTITY
from gateway.http.headers import CLIENT_KEY_HEADER, VERSION_HEADER
from gateway.routing.document import LONGEST_VERSION, VERSION_FORM

PARAMETER = "version"

_FORM = re.compile(VERSION_FORM)
_EXAMPLE = "1.1"


def take_version(request: Request, pairs: list[tuple[str, str]]) -> tuple[str | None, list[tuple[str, str]]]:
    """Return the version that a request names, and its query's and fields' pairs without what names it.

    The parameter ``version`` wins over the header ``X-Model-Version``. Raises
    :class:`~gateway.errors.InvalidParameter` for what cannot be a version, and for several that differ.
    """
    # The header is looked at also where it does not count: what cannot be a version is a mistake of the caller's.
    by_header = request.headers.getlist(VERSION_HEADER)
    version = one_version(by_header, VERSION_HEADER) if by_header else None
    named = [value for name, value in pairs if name == PARAMETER]
    if named:
        return one_version(named, PARAMETER), [pair for pair in pairs if pair[0] != PARAMETER]
    return version, pairs


def one_version(named: Iterable[str], where: str) -> str:
    """Return the one version that is named, ``where`` saying in what. Raises InvalidParameter."""
    different = list(dict.fromkeys(named))
    if len(different) > 1:
        raise InvalidParameter(
            f"{where}: names {printable(different[0])} and {printable(different[1])}. Name one version, once."
        )
    (version,) = different
    if len(version) > LONGEST_VERSION or not _FORM.fullmatch(version):
        raise InvalidParameter(
            f"{where}: {printable(version)} cannot be a version. GET /models lists those that are served, "
            f"as {_EXAMPLE!r}; leave it out for the one that serves by default."
        )
    return version


def client_key(request: Request) -> str | None:
    """Return what tells this client from others: the header ``X-Client-Key``, else its authenticated key's name."""
    given = request.headers.get(CLIENT_KEY_HEADER)
    if given:
        return given
    name: str | None = request.scope.get(IDENTITY)
    return name


def version_header(version: str | None) -> dict[str, str]:
    """Return the answer's header that says which version made it; none where that is unknown."""
    return {VERSION_HEADER: version} if version is not None and _FORM.fullmatch(version) else {}


_VERSION_SCHEMA = {"type": "string", "maxLength": LONGEST_VERSION, "pattern": VERSION_FORM, "examples": [_EXAMPLE]}
_VERSION_TEXT = (
    "Answer with this loaded version of the model; without it the served one, or the one that a split chooses"
)


def openapi_naming() -> list[dict[str, Any]]:
    """Describe what a request may say, as OpenAPI parameters."""
    return [
        {"name": PARAMETER, "in": "query", "required": False, "description": _VERSION_TEXT, "schema": _VERSION_SCHEMA},
        {
            "name": VERSION_HEADER,
            "in": "header",
            "required": False,
            "description": f"The same as the parameter `{PARAMETER}`, which wins",
            "schema": _VERSION_SCHEMA,
        },
        {
            "name": CLIENT_KEY_HEADER,
            "in": "header",
            "required": False,
            "description": "Any text that stays the same for one client: keeps it with one version while traffic is "
            "split. Without it the name of its API key does, and without that chance decides for each request",
            "schema": {"type": "string", "examples": ["camera-12"]},
        },
    ]


def openapi_form_field() -> dict[str, Any]:
    """Describe the form field, by name."""
    return {PARAMETER: {**_VERSION_SCHEMA, "description": _VERSION_TEXT}}


#: Of every answer that one version made.
OPENAPI_ANSWER_HEADERS: dict[str, Any] = {
    VERSION_HEADER: {
        "description": "The version of the model that made this answer",
        "schema": {"type": "string", "examples": [_EXAMPLE]},
    }
}
