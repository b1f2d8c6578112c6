"""GET / for browsers and for programs, and the files that the page is made of."""

from __future__ import annotations

import re

import httpx
import pytest

from gateway.api.page.files import DOCS, FOLDER, MEDIA_TYPES, PAGE, SWAGGER_UI_FILES, static_files
from gateway.api.page.routes import wants_page
from tests.gateway.conftest import assert_error

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
NAMES = sorted(path.name for path in FOLDER.iterdir())
MODULES = [name for name in NAMES if name.endswith(".js")]


def text(name: str) -> str:
    return (FOLDER / name).read_text()


@pytest.mark.parametrize("accept", [CHROME, "text/html", "TEXT/HTML; charset=utf-8", "application/json, text/html"])
def test_a_browser_wants_the_page(accept: str) -> None:
    assert wants_page(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "text/*",
        "text/html;q=0",
        "text/html;q=0.5, application/json",
        "text/html;q=much",
        "text/html;q=nan",
        "text/html;q=7",
        "text/html;q=0.5, text/html, application/json;q=0.7",
        ",;q=,",
    ],
)
def test_a_program_does_not(accept: str) -> None:
    assert not wants_page(accept)


@pytest.mark.anyio
async def test_the_front_is_a_page_for_browsers_and_json_for_everything_else(client: httpx.AsyncClient) -> None:
    page = await client.get("/", headers={"Accept": CHROME})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == "Accept"
    assert page.text == text(PAGE)
    for accept in ("*/*", "application/json"):
        front = await client.get("/", headers={"Accept": accept})
        assert front.headers["content-type"] == "application/json"
        assert front.headers["vary"] == "Accept"
        assert front.json() == {
            "name": "yolo-serving gateway",
            "version": front.json()["version"],
            "docs": "/docs",
            "predict": "/predict",
            "health": "/health",
            "batch": "/predict/batch",
            "models": "/models",
            "open_inference_protocol": "/v2",
            "deepstack": "/v1/vision/detection",
            "request_id": front.headers["x-request-id"],
        }


@pytest.mark.anyio
async def test_page_and_files_carry_headers_that_let_nothing_foreign_in(client: httpx.AsyncClient) -> None:
    for response in (
        await client.get("/", headers={"Accept": CHROME}),
        await client.get("/static/app.js"),
        await client.get("/static/app.js", headers={"If-None-Match": static_files()["app.js"].etag}),
    ):
        directives = dict(
            part.strip().partition(" ")[::2] for part in response.headers["content-security-policy"].split(";")
        )
        assert directives["default-src"] == "'none'"
        assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
        assert directives["frame-ancestors"] == directives["base-uri"] == directives["form-action"] == "'none'"
        assert "unsafe" not in response.headers["content-security-policy"]
        assert "http" not in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["permissions-policy"] == "camera=(self), geolocation=(), microphone=()"


@pytest.mark.anyio
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (PAGE, DOCS)])
async def test_a_file_comes_with_its_type_and_is_not_sent_twice(client: httpx.AsyncClient, name: str) -> None:
    first = await client.get(f"/static/{name}")
    assert first.status_code == 200
    assert first.content == (FOLDER / name).read_bytes()
    assert first.headers["content-type"] == MEDIA_TYPES[f".{name.rsplit('.', 1)[1]}"]
    assert first.headers["cache-control"] == "no-cache"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = await client.get(f"/static/{name}", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert (await client.get(f"/static/{name}", headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.anyio
async def test_the_page_is_not_sent_twice_and_never_mistaken_for_the_json(client: httpx.AsyncClient) -> None:
    first = await client.get("/", headers={"Accept": CHROME})
    known = {"If-None-Match": first.headers["etag"]}
    assert (await client.get("/", headers={"Accept": CHROME, **known})).status_code == 304
    assert (await client.get("/", headers=known)).json()["docs"] == "/docs"


@pytest.mark.anyio
async def test_the_documentation_comes_from_the_gateway_alone(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert (page.status_code, page.text) == (200, text(DOCS))
    for name in SWAGGER_UI_FILES:
        file = await client.get(f"/static/{name}")
        assert file.status_code == 200
        assert len(file.content) > 50_000
    assert (await client.get("/redoc")).status_code == 404


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        PAGE,
        DOCS,
        "index.html",
        "",
        "../main.py",
        "..%2fmain.py",
        "%2e%2e/main.py",
        "%2e%2e%2fmain.py",
        "..%5cmain.py",
        "%2fetc%2fpasswd",
        "app.js/",
        "app.js%00.css",
        "__init__.py",
    ],
)
async def test_nothing_else_is_a_file_of_the_page(client: httpx.AsyncClient, path: str) -> None:
    # As raw bytes: httpx would tidy the dots away, as browsers do and attackers do not.
    url = httpx.URL("http://gateway").copy_with(raw_path=f"/static/{path}".encode())
    assert_error(await client.get(url), 404, "not_found")


def test_every_file_is_served_and_used() -> None:
    assert sorted(static_files()) == sorted([*NAMES, *SWAGGER_UI_FILES]), "a file of a type that is not served"
    used = " ".join(map(text, NAMES))
    for name in static_files():
        assert name in (PAGE, DOCS) or name in used, f"{name} is used by nobody"


def test_nothing_is_loaded_from_elsewhere_and_nothing_stands_inline() -> None:
    for name in NAMES:
        foreign = [url for url in re.findall(r"\w+://[^\s\"')]+", text(name)) if url != "http://www.w3.org/2000/svg"]
        assert foreign == [], name
        assert not re.search(r"(?:src|href)=\"(?://|data:)|\burl\(|@import", text(name)), name
    page = text(PAGE) + text(DOCS)
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", page)
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"(?:src|href)=\"/", page) == [], "addresses are relative: the gateway may live under a prefix"


@pytest.mark.parametrize("name", MODULES)
def test_scripts_write_no_markup_and_import_only_each_other(name: str) -> None:
    source = text(name)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)
    assert {target.removeprefix("./") for target in re.findall(r'from "([^"]+)"', source)} <= set(MODULES)


@pytest.mark.parametrize(
    ("page_name", "modules"),
    [(PAGE, [name for name in MODULES if name != "docs.js"]), (DOCS, ["docs.js", "key.js", "api.js"])],
)
def test_every_element_that_a_script_asks_for_is_in_the_page(page_name: str, modules: list[str]) -> None:
    page = text(page_name)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    for name in modules:
        for wanted in re.findall(r'(?:getElementById|byId)\("([^"]+)"\)', text(name)):
            assert wanted in ids, f"{name} asks for #{wanted}"
    for wanted in re.findall(r'\s(?:for|aria-labelledby|aria-describedby)="([^"]+)"', page):
        assert wanted in ids, wanted
    code = "".join(text(name) for name in NAMES if name not in (PAGE, DOCS))
    for own in ids:
        used = re.search(rf'"{own}"|#{own}\b', code) or re.search(rf'\s(?:for|name|aria-\w+)="{own}"', page)
        assert used, f"#{own} is used by nobody"
