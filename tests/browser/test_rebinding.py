"""A page whose name leads to this machine: for the browser it is the gateway's own, for the gateway it is foreign."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.chromium import REBOUND_NAME
from tests.gateway.support.fake_torchserve import FakeTorchServe

POST = """async () => {
  const form = new FormData();
  form.append("file", new Blob(["x"]), "x.jpg");
  const answer = await fetch("/predict", {method: "POST", body: form});
  return [answer.status, (await answer.json()).error.code];
}"""


def test_a_page_under_a_foreign_name_is_refused_by_an_open_gateway(
    chromium: Browser, servers: tuple[FakeTorchServe, str], fake: FakeTorchServe
) -> None:
    _, url = servers
    page = chromium.new_page(bypass_csp=True)  # the policy of the answer would stop the page's request as well
    answer = page.goto(url.replace("127.0.0.1", REBOUND_NAME))
    assert answer is not None
    assert answer.status == 421
    assert page.evaluate(POST) == [421, "host_refused"]
    assert not fake.predictions
    page.close()
