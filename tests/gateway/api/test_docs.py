"""The documentation's tables of routes, errors and tasks are held against the application."""

from __future__ import annotations

import re
from pathlib import Path

import gateway
from gateway import errors
from gateway.main import create_app
from gateway.settings import Settings
from tests.support import documents


def test_the_documentation_lists_every_route_and_no_other() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    cells = [row[0] for row in documents.table_rows("| route |")]
    assert {route for cell in cells for route in re.findall(r"`([A-Z]+ [^`]+)`", cell)} == served


def test_the_documentation_lists_every_error_code() -> None:
    # A client never sees the first two; the others need no explanation to a person who typed a wrong address.
    undocumented = {errors.ClientClosed, errors.InternalError, errors.NotFound, errors.MethodNotAllowed}
    pages = documents.text()
    for kind in set(errors.ApiError.__subclasses__()) - undocumented:
        assert f"`{kind.code}`" in pages, kind.code


def test_every_package_of_the_gateway_is_in_its_map() -> None:
    packages = {found.parent.name for found in Path(str(gateway.__file__)).parent.glob("*/__init__.py")}
    assert {"limits", "api"} <= packages
    assert {name for name in packages if not re.search(rf"\b{name}\b", gateway.__doc__ or "")} == set()
