import functools
import http.server
import threading

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
