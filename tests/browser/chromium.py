"""A real Chromium: the one on this machine, or Debian's, installed when this is root on Debian.

Playwright brings the protocol and not the browser: its own builds come from a host that not every machine reaches.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.compose import packages
from tests.compose.packages import Progress

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# The gateway as a browser sees it on another machine, over plain HTTP: no loopback, so not trusted with the camera.
LAN_NAME = "gateway.test"
# A foreign page, and one whose owner lets its name lead to the visitor's machine.
PAGE_NAME = "page.test"
REBOUND_NAME = "rebound.test"
ARGUMENTS = (
    "--no-sandbox",  # root, as in CI, may not use it; only our own page is opened
    "--disable-gpu",
    "--force-color-profile=srgb",  # colours are compared
    "--no-proxy-server",
    "--host-resolver-rules=" + ",".join(f"MAP {name} 127.0.0.1" for name in (LAN_NAME, PAGE_NAME, REBOUND_NAME)),
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


class NoChromiumError(Exception):
    """No Chromium is installed and none can be; the message says why."""


@contextlib.contextmanager
def launched(progress: Progress) -> Iterator[Browser]:
    """Give a headless browser. Raises NoChromiumError."""
    path = executable(progress)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def executable(progress: Progress) -> str:
    """Return the path of a Chromium. Raises NoChromiumError."""
    if found := _find():
        return found
    if os.geteuid() != 0 or not Path("/etc/debian_version").is_file() or not shutil.which("apt-get"):
        raise NoChromiumError(f"none of {', '.join(NAMES)} is installed, and only root on Debian can install it")
    try:
        packages.install(["chromium"], progress)
    except RuntimeError as error:
        raise NoChromiumError(str(error)) from error
    if found := _find():
        return found
    raise NoChromiumError("Debian's package 'chromium' was installed and brought no 'chromium'")


def _find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
