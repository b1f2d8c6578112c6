"""The page at / in a real, headless Chromium, in front of a gateway on a real socket and a fake TorchServe."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage

from gateway.main import create_app
from gateway.settings import Settings
from tests.browser.answers import DOG, PERSON, answer
from tests.browser.chromium import LAN_NAME, NoChromiumError, launched
from tests.browser.visit import Visit
from tests.gateway.support.fake_torchserve import FakeTorchServe, serving
from tests.support import cannot_run

Open = Callable[..., Visit]


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> Iterator[Browser]:
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def progress(message: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\nbrowser ring: {message}", flush=True)

    try:
        with launched(progress) as browser:
            yield browser
    except NoChromiumError as reason:
        cannot_run(f"browser ring: {reason}")


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[FakeTorchServe, str]]:
    """The fake TorchServe, and the address of the gateway before it."""
    fake = FakeTorchServe()
    with ExitStack() as stack:
        url = stack.enter_context(serving(fake))
        settings = Settings(
            torchserve_inference_url=url,
            torchserve_management_url=url,
            max_body_bytes=4_000_000,
            ready_grace_s=3600,
            allowed_hosts=LAN_NAME,
        )
        yield fake, stack.enter_context(serving(create_app(settings), lifespan="on"))


@pytest.fixture
def fake(servers: tuple[FakeTorchServe, str]) -> FakeTorchServe:
    fake, _ = servers
    fake.reset()
    return fake


@pytest.fixture
def two(fake: FakeTorchServe) -> FakeTorchServe:
    """The model server finds a person and a dog in everything."""
    fake.predict = lambda asked: answer(PERSON, DOG)
    return fake


@pytest.fixture
def visit(chromium: Browser, servers: tuple[FakeTorchServe, str], fake: FakeTorchServe) -> Iterator[Open]:
    """Open the page, with Playwright's options for a context. Afterwards the console must be silent."""
    _, url = servers
    with ExitStack() as stack:

        def open_page(*, lan: bool = False, **options: Any) -> Visit:
            context: BrowserContext = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
            stack.callback(context.close)
            context.set_default_timeout(10_000)
            page = context.new_page()
            made = Visit(page, url.replace("127.0.0.1", LAN_NAME) if lan else url)

            def said(message: ConsoleMessage) -> None:
                if message.type in ("error", "warning"):
                    made.complaints.append(message.text)

            page.on("console", said)
            page.on("pageerror", lambda error: made.complaints.append(str(error)))
            page.on("requestfailed", lambda request: made.failed.append(request.url))
            page.on("request", lambda request: made.requested.append(request.url))
            page.goto(made.url)
            visits.append(made)
            return made

        visits: list[Visit] = []
        yield open_page
        for made in visits:
            assert made.complaints == [], "the browser's console complained"
            assert [asked for asked in made.requested if not asked.startswith((made.url, "blob:"))] == []


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """An image of 800 × 600 in one grey: every other colour on it is the page's."""
    path = tmp_path / "grey.png"
    path.write_bytes(grey_png(800, 600))
    return path


def grey_png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (128, 128, 128)).save(out, "PNG")
    return out.getvalue()
