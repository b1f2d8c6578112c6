"""The README's table of routes held against the application's."""

from __future__ import annotations

import re
from pathlib import Path

import gateway
from gateway import errors
from gateway.main import create_app
from gateway.settings import Settings
from tests.support import ROOT

README = (ROOT / "README.md").read_text()


def test_every_route_stands_in_the_readme_and_no_other() -> None:
    document = create_app(Settings()).openapi()
    present = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    table = README[README.index("| route | what |") :].split("\n\n")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines()]
    assert {route for cell in first_cells for route in re.findall(r"`([A-Z]+ [^`]+)`", cell)} == present


def test_every_error_code_stands_in_the_readme() -> None:
    # For the log alone, or what a person who asks for the wrong address sees at once.
    not_told = {errors.ClientClosed, errors.InternalError, errors.NotFound, errors.MethodNotAllowed}
    for kind in set(errors.ApiError.__subclasses__()) - not_told:
        assert f"`{kind.code}`" in README, kind.code


def test_every_part_of_the_gateway_stands_in_its_map() -> None:
    parts = {found.parent.name for found in Path(str(gateway.__file__)).parent.glob("*/__init__.py")}
    assert {"limits", "routes"} <= parts
    assert {part for part in parts if not re.search(rf"\b{part}\b", gateway.__doc__ or "")} == set()
