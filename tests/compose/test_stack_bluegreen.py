"""Blue/green in Compose: another image beside the running one, switched to and back under load, and restarted."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from tests.compose.stack import Stack
from tests.support import NAMING_HANDLER, clients, wait_until


@pytest.fixture
def base(running: Stack) -> Stack:
    """Blue alone, and an image `next` with another handler."""
    started = running.run("docker", "compose", "up", "-d", "--wait")
    assert started.returncode == 0, started.stdout
    running.wait_ready()
    folder = running.root / "next"
    folder.mkdir(exist_ok=True)
    (folder / "handler.py").write_text(NAMING_HANDLER)
    (folder / "Dockerfile").write_text(
        "FROM yolo-serving/torchserve:test\nUSER 0\nCOPY handler.py /tmp/handler.py\n"
        "RUN cat /tmp/handler.py >>yolo_handler.py\nUSER 10001:10001\n"
    )
    running.docker("build", "--quiet", "--tag", "yolo-serving/torchserve:next", str(folder))
    return running


def bluegreen(stack: Stack, *words: str, code: int = 0) -> str:
    done = stack.run("bash", "scripts/bluegreen.sh", *words)
    print(done.stdout)
    assert done.returncode == code, done.stdout
    return done.stdout


def sides(classes: Iterable[str]) -> set[str]:
    """Whose handler named these classes."""
    return {"green" if name.startswith("green ") else "blue" for name in classes}


def asked(stack: Stack) -> set[str]:
    answer = stack.predict()
    assert answer.status_code == 200, answer.text
    return sides(found["class"] for found in answer.json()["detections"])


def test_eight_clients_lose_no_request_from_one_image_to_another_and_back(base: Stack) -> None:
    with clients(8, lambda: base.predict(timeout=90)) as answers:

        def answered() -> set[str]:
            count = len(answers)
            wait_until(lambda: len(answers) > count + 24, "they are answered")
            return sides(name for _, _, found in answers[count + 8 :] for name in found)

        bluegreen(base, "up", "--image", "next", "--note", "another handler")
        assert answered() == {"blue"}
        bluegreen(base, "switch")
        assert answered() == {"green"}
        refused = base.run("bash", "scripts/rollback.sh")
        assert (refused.returncode, "bluegreen.sh down" in refused.stdout) == (8, True)
        bluegreen(base, "back")
        assert answered() == {"blue"}
    print(f"{len(answers)} answers")
    assert {status for status, _, _ in answers} == {200}
    assert "another handler" in base.run("bash", "scripts/releases.sh", "audit").stdout

    bluegreen(base, "switch")
    # The plain way does not know of green and needs not: whoever is there answers.
    base.compose("--profile", "green", "down")
    base.compose("up", "-d", "--wait")
    assert asked(base) == {"blue"}
    assert json.loads(bluegreen(base, "status", "--json"))["answers"] == "green"
    assert base.run("bash", "scripts/up.sh", "--docker").returncode == 0
    wait_until(lambda: asked(base) == {"green"}, "green answers again")
    bluegreen(base, "back")
    bluegreen(base, "switch")
    bluegreen(base, "deploy")
    assert asked(base) == {"blue"}
    bluegreen(base, "down")
    assert "torchserve-green" not in base.compose("--profile", "green", "ps", "--all", "--services").split()
    base.docker("rmi", "--force", "yolo-serving/torchserve:next")
