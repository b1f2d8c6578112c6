"""Character sets that a client names: two are taken, and no name reaches Python's registry of codecs."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.conftest import assert_error
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that anything asks Python's registry for, as a search function of its own sees them."""
    names: list[str] = []

    def search(name: str) -> None:
        names.append(name)

    codecs.register(search)
    yield names
    codecs.unregister(search)


def form(*parts: tuple[str, bytes], content_type: str = "multipart/form-data; boundary=b") -> dict[str, object]:
    picture_part = ('name="file"; filename="a.jpg"', JPEG)
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + head.encode("latin-1") + b"\r\n\r\n" + data + b"\r\n"
        for head, data in (picture_part, *parts)
    )
    return {"content": body + b"--b--\r\n", "headers": {"Content-Type": content_type}}


BAD = ["punycode", "idna", "utf-7", "utf-16", "cp037", "zlib", "rot13", "unheard-of-17", "iso-8859-1", "utf\0-8", "ü"]


@pytest.mark.parametrize("charset", BAD)
async def test_only_utf8_is_taken_wherever_a_form_names_a_character_set(
    client: httpx.AsyncClient, fake: FakeTorchServe, looked_up: list[str], charset: str
) -> None:
    wide = "é".encode()
    name = charset.encode("latin-1")
    requests = {
        "the form": form(content_type=f"multipart/form-data; boundary=b; charset={charset}"),
        "the form, quoted": form(content_type=f'multipart/form-data; charset="{charset}"; boundary=b'),
        "a part": form((f'name="conf"\r\nContent-Type: text/plain; charset={charset}', wide)),
        "the field": form(('name="_charset_"', name)),
        "a file name": form((f"name=\"files\"; filename*={charset}''a%E9.jpg", b"x")),
    }
    for where, request in requests.items():
        request["headers"] = {key: value.encode("latin-1") for key, value in request["headers"].items()}  # type: ignore[attr-defined]
        for path in ("/predict", "/predict/batch", "/v1/vision/detection"):
            response = await client.post(path, **request)  # type: ignore[arg-type]
            shown = response.json()["error"]
            assert response.status_code == (400 if path.startswith("/v1") else 415), (where, path, response.text)
            assert "character set" in (shown if isinstance(shown, str) else shown["message"])
    assert fake.predictions == []
    assert not [name for name in looked_up if "unheard" in name or "rot13" in name], "the client's name was looked up"


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8", "US-ASCII", "ascii"])
async def test_utf8_and_ascii_are_taken(client: httpx.AsyncClient, fake: FakeTorchServe, charset: str) -> None:
    plain = charset.strip('"')
    request = form(
        (f'name="conf"\r\nContent-Type: text/plain; charset={charset}', b"0.5"),
        ('name="_charset_"', plain.encode()),
        content_type=f"multipart/form-data; boundary=b; charset={charset}",
    )
    response = await client.post("/predict", **request)  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    assert fake.predictions[0].query == {"conf": "0.5"}


async def test_text_fields_that_apaches_client_labels_latin_are_taken_while_they_are_ascii(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    label = "Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit"
    response = await client.post("/predict", **form((f'name="conf"\r\n{label}', b"0.5")))  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    assert fake.predictions[0].query == {"conf": "0.5"}


async def test_a_file_name_in_the_extended_form_is_read(client: httpx.AsyncClient) -> None:
    body = form(("name=\"files\"; filename*=UTF-8''na%C3%AFve.jpg", JPEG))
    response = await client.post("/predict/batch", **body)  # type: ignore[arg-type]
    assert [entry["file"] for entry in response.json()["results"]] == ["a.jpg", "naïve.jpg"]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/yolo/infer"])
@pytest.mark.parametrize("charset", ["utf-16", "punycode", "latin1"])
async def test_json_is_utf8(client: httpx.AsyncClient, path: str, charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    response = await client.post(path, content=b'{"image": ""}', headers=headers)
    assert response.status_code == 415
    assert charset in response.text


async def test_json_that_is_utf16_is_told_apart_from_json_that_is_broken(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/predict", content='{"image": ""}'.encode("utf-16"), headers={"Content-Type": "application/json"}
    )
    assert_error(response, 400, "invalid_json", "UTF-8")
    marked = await client.post(
        "/predict", content=b'\xef\xbb\xbf{"image": ""}', headers={"Content-Type": "application/json"}
    )
    assert_error(marked, 400, "invalid_image", "0 bytes")
