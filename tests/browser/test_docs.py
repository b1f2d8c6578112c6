"""/docs: Swagger UI from the gateway alone, without internet, and with the key of the page at /."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gateway.main import create_app
from gateway.settings import Settings
from tests.browser.conftest import Open
from tests.gateway.support.auth import add_key
from tests.gateway.support.fake_torchserve import FakeTorchServe, serving

#: A megabyte and a half of script, on a machine that may be busy.
RENDERS_MS = 30_000


def operation(method: str, path: str) -> str:
    return f".opblock-{method}:has([data-path='{path}'])"


@pytest.fixture
def guarded(fake: FakeTorchServe, servers: tuple[FakeTorchServe, str], tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a gateway that requires a key, and the key."""
    path = tmp_path / "keys.jsonl"
    key = add_key(path)
    with serving(create_app(Settings(api_keys_file=str(path), ready_grace_s=3600)), lifespan="on") as url:
        yield url, key


def test_the_documentation_renders_from_the_gateway_alone(visit: Open) -> None:
    page = visit()
    page.page.goto(f"{page.url}/docs")
    predict = page[operation("post", "/predict")]
    expect(predict).to_be_visible(timeout=RENDERS_MS)
    predict.locator(".opblock-summary-control").click()
    expect(predict.get_by_text("max_det").first).to_be_visible()
    health = page[operation("get", "/health/live")]
    health.locator(".opblock-summary-control").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    # The fixture asserts that the console is silent (a violation of the policy would be in it) and that nothing was
    # requested from another host.


def test_where_keys_are_required_the_page_asks_for_one(chromium: Browser, guarded: tuple[str, str]) -> None:
    url, key = guarded
    page = chromium.new_page()
    try:
        page.goto(f"{url}/docs")
        expect(page.locator("#key")).to_be_visible()
        expect(page.locator("#swagger-ui .opblock")).to_have_count(0)
        page.fill("#key-value", key)
        page.get_by_role("button", name="Use it").click()
        models = page.locator(operation("get", "/models"))
        expect(models).to_be_visible(timeout=RENDERS_MS)
        models.locator(".opblock-summary-control").click()
        models.get_by_role("button", name="Try it out").click()
        with page.expect_response(f"{url}/models") as answer:
            models.get_by_role("button", name="Execute").click()
        assert answer.value.status != 401
        page.goto(f"{url}/")
        page.goto(f"{url}/docs")
        expect(models).to_be_visible(timeout=RENDERS_MS)  # the key is that of the tab
    finally:
        page.close()
