"""The cache in front of the real TorchServe: while versions change, and after."""

from __future__ import annotations

import threading

import httpx

from tests.support import wait_until
from tests.support.deployment import BASE

OTHER = "1.0-cached"


def test_no_remembered_answer_outlives_a_release_or_a_new_archive_under_an_old_name(service):
    picture = (service.root / "samples/street.jpg").read_bytes()
    over, seen, wrong = threading.Event(), [], []

    def ask(client: httpx.Client, url: str) -> tuple[str, str, int]:
        response = client.post(f"{url}/predict", content=picture)
        body = response.json()
        assert response.status_code == 200, body
        return response.headers["x-cache"], body["model"]["version"], len(body["detections"])

    def keep_asking(url: str) -> None:
        with httpx.Client(timeout=90, trust_env=False) as client:
            while not over.is_set():
                try:
                    seen.append(ask(client, url))
                except (AssertionError, httpx.HTTPError) as error:
                    wrong.append(repr(error))

    with (
        service.checkout.second_gateway(CACHE="memory") as url,
        httpx.Client(timeout=90, trust_env=False) as client,
    ):
        thread = threading.Thread(target=keep_asking, args=(url,))
        thread.start()
        try:
            wait_until(lambda: any(cache == "HIT" for cache, _, _ in seen), "an answer is remembered")
            service.archive(OTHER, conf=0.99)  # finds nothing: its answers can be told from the first's
            done = service.script("scripts/rollback.sh", OTHER)
            assert done.returncode == 0, done.stdout
            assert ask(client, url)[1:] == (OTHER, 0)
            assert ask(client, url) == ("HIT", OTHER, 0)
        finally:
            over.set()
            thread.join()
        # The plain way: other content under the same name, and a restart.
        service.archive(OTHER, conf=0.01).replace(service.store / "yolo.mar")
        done = service.script("scripts/up.sh", "--native")
        assert done.returncode == 0, done.stdout
        wait_until(lambda: client.get(f"{url}/health/ready").status_code == 200, "the second gateway sees it")
        _, version, found = ask(client, url)
        assert version == OTHER
        assert found > 0
        done = service.script("scripts/rollback.sh", BASE)
        assert done.returncode == 0, done.stdout
        assert ask(client, url)[1] == BASE
        (service.store / f"yolo-{OTHER}.mar").unlink(missing_ok=True)
    assert not wrong
    assert {version for _, version, _ in seen} == {BASE, OTHER}
    assert [cache for cache, _, _ in seen].count("HIT") > len(seen) * 0.8
