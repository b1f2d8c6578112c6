"""A second real TorchServe next to the first: no request is lost, and each answer names the version that made it.

The tests share one service. Each begins with blue alone and the base version current. While green is made of another
archive the version tells which server answered; its own handler, changed, tells that too.
"""

from __future__ import annotations

import json
import shutil
import signal

import pytest

from tests.native.rollout.clients import Clients
from tests.support import NAMING_HANDLER, wait_until
from tests.support.deployment import BASE


@pytest.fixture
def next_archive(service, sure):
    """The archive that a server started from now on serves: it finds only what it is sure of."""
    service.make_current(sure)


@pytest.fixture
def code(service, tmp_path):
    """Serving code with another handler."""
    folder = tmp_path / "next serving"
    shutil.copytree(
        service.checkout.root / "serving/torchserve",
        folder,
        ignore=shutil.ignore_patterns("model-store", "__pycache__"),
    )
    handler = folder / "yolo_handler.py"
    handler.write_text(handler.read_text() + NAMING_HANDLER)
    return folder


def status(service):
    return json.loads(service.script("scripts/bluegreen.sh", "status", "--json").stdout)


def answers(service):
    return status(service)["answers"]


def green(service):
    """Whether green's own handler answered."""
    answer = service.ask()
    assert answer.status_code == 200
    (named,) = {found["class"].startswith("green ") for found in answer.json()["detections"]}
    return named


def versions(answered):
    return {version for _, _, _, version, _ in answered}


def test_eight_clients_lose_no_request_from_blue_to_green_and_back(service, next_archive):
    with Clients(service).at_work() as people:
        service.go("scripts/bluegreen.sh", "up", "--note", "another archive")
        assert versions(people.more()) == {BASE}
        service.go("scripts/bluegreen.sh", "switch")
        assert versions(people.more()) == {"sure"}
        said = service.go("scripts/bluegreen.sh", "back")
        assert "blue answers again" in said
        assert versions(people.more()) == {BASE}
        service.go("scripts/bluegreen.sh", "switch")
        service.go("scripts/bluegreen.sh", "down")
        assert versions(people.more()) == {"sure"}
        assert "blue   not there" in service.go("scripts/bluegreen.sh", "status")
        service.go("scripts/bluegreen.sh", "deploy")
        assert answers(service) == "blue"
        assert versions(people.more()) == {"sure"}
    trail = service.go("scripts/releases.sh", "audit")
    assert "another archive" in trail


def test_green_runs_its_own_handler_and_is_started_again_with_everything(service, code):
    assert not green(service)
    service.go("scripts/bluegreen.sh", "up", "--serving", str(code))
    assert not green(service), "it gets no requests yet"
    service.go("scripts/bluegreen.sh", "switch")
    assert green(service)
    refused = service.script("scripts/rollback.sh", BASE)
    assert (refused.returncode, "bluegreen.sh down" in refused.stdout) == (8, True)

    assert service.script("scripts/down.sh").returncode == 0
    done = service.script("scripts/up.sh", "--native")
    assert done.returncode == 0, done.stdout
    wait_until(lambda: green(service), "green answers again")

    service.go("scripts/bluegreen.sh", "back")
    assert not green(service)


def test_releases_go_to_green_while_it_alone_is_there(service, sure, code):
    service.go("scripts/bluegreen.sh", "deploy", "--serving", str(code))
    service.go("scripts/bluegreen.sh", "down")
    with Clients(service).at_work() as people:
        service.go("scripts/rollback.sh", sure)
        assert versions(people.more()) == {sure}
        service.go("scripts/rollback.sh", BASE)
        assert versions(people.more()) == {BASE}
    assert green(service), "what is loaded into green runs its handler"
    service.go("scripts/bluegreen.sh", "deploy")
    assert not green(service)


def test_blue_answers_while_a_killed_green_restarts(service, code):
    service.go("scripts/bluegreen.sh", "deploy", "--serving", str(code))
    with Clients(service).at_work() as people:
        (java,) = [
            p for p in service.checkout.processes("org.pytorch.serve.ModelServer") if "green" in str(p.cmdline())
        ]
        java.send_signal(signal.SIGKILL)
        people.more()
        wait_until(lambda: green(service), "green answers again")
        people.more()


def test_a_green_whose_handler_raises_is_stopped_again_and_says_why(service, code):
    handler = code / "yolo_handler.py"
    handler.write_text(handler.read_text() + "\nraise RuntimeError('no such library')\n")
    with Clients(service).at_work():
        said = service.go("scripts/bluegreen.sh", "deploy", "--serving", str(code), code=1)
    assert "no such library" in said
    assert "blue answers as before" in said
    assert status(service)["servers"]["green"] == {"there": False, "state": "not there"}


def test_an_operator_killed_while_green_comes_up_leaves_nothing_after_the_next_operation(service, code):
    running = service.start_ops("bluegreen", "up", "--serving", str(code))
    wait_until(lambda: "torchserve-green" in service.script("scripts/status.sh").stdout, "green is started")
    running.kill()
    running.communicate()
    said = service.go("scripts/releases.sh", "prune", "--keep", "9")
    assert "had not been decided: undone" in said
    assert "torchserve-green" not in service.script("scripts/status.sh").stdout
    assert (answers(service), service.served()) == ("blue", BASE)
