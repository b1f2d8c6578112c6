"""Blue/green in Compose: another image next to the running one, switched to and back under load, and restarted."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from tests.compose.stack import Stack
from tests.support import NAMING_HANDLER, clients, wait_until
from tests.support.deployment import BASE


@pytest.fixture(scope="module")
def image(running: Stack) -> str:
    """The tag of an image with another handler."""
    folder = running.root / "next"
    folder.mkdir(exist_ok=True)
    (folder / "handler.py").write_text(NAMING_HANDLER)
    (folder / "Dockerfile").write_text(
        "FROM yolo-serving/torchserve:test\nUSER 0\nCOPY handler.py /tmp/handler.py\n"
        "RUN cat /tmp/handler.py >>yolo_handler.py\nUSER 10001:10001\n"
    )
    running.docker("build", "--quiet", "--tag", "yolo-serving/torchserve:next", str(folder))
    yield "next"
    running.docker("rmi", "--force", "yolo-serving/torchserve:next")


def sides(classes: Iterable[str]) -> set[str]:
    """Whose handler named these classes."""
    return {"green" if name.startswith("green ") else "blue" for name in classes}


def asked(stack: Stack) -> set[str]:
    answer = stack.ask()
    assert answer.status_code == 200, answer.text
    return sides(found["class"] for found in answer.json()["detections"])


def test_eight_clients_lose_no_request_from_one_image_to_another_and_back(settled: Stack, image: str) -> None:
    with clients(8, settled.ask) as load:

        def answering() -> set[str]:
            return sides(name for answer in load.fresh() for name in answer.classes)

        settled.go("scripts/bluegreen.sh", "up", "--image", image, "--note", "another handler")
        assert answering() == {"blue"}
        settled.go("scripts/bluegreen.sh", "switch")
        assert answering() == {"green"}
        assert "bluegreen.sh down" in settled.go("scripts/rollback.sh", code=8)
        settled.go("scripts/bluegreen.sh", "back")
        assert answering() == {"blue"}
    print(f"{len(load.answers)} answers")
    assert load.statuses == {200}
    assert load.versions == {BASE}
    assert "another handler" in settled.go("scripts/releases.sh", "audit")

    settled.go("scripts/bluegreen.sh", "switch")
    # Plain `docker compose up` knows nothing of green: the side that runs answers.
    settled.compose("--profile", "green", "down")
    settled.up()
    assert asked(settled) == {"blue"}
    assert json.loads(settled.go("scripts/bluegreen.sh", "status", "--json"))["answers"] == "green"
    settled.start()
    wait_until(lambda: asked(settled) == {"green"}, "green answers again")
    settled.go("scripts/bluegreen.sh", "back")
    settled.go("scripts/bluegreen.sh", "switch")
    settled.go("scripts/bluegreen.sh", "deploy")
    assert asked(settled) == {"blue"}
    settled.go("scripts/bluegreen.sh", "down")
    assert "torchserve-green" not in settled.compose("--profile", "green", "ps", "--all", "--services").split()
