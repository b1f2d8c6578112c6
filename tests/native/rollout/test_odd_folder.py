"""The service in a folder with an odd name, without a UTF-8 locale, and with its archives in another folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from ops.system.settings import PORTS
from tests.native.checkout import Checkout
from tests.native.service import Service
from tests.support import copy_tree, free_ports
from tests.support.deployment import RELEASED_TO
from tests.support.endpoints import HTTP

#: Each of these has broken a program: configparser, Java's class path and properties, log4j's URL, a shell.
NAME = "100%s $HOME `Büro`#1 [a];'ñ'"


@pytest.fixture
def odd(checkout: Checkout, installed: Service) -> Iterator[Checkout]:
    """A checkout with the environment of the ring's, whose archives are those of the base version alone."""
    archive = installed.keep_base()
    root = copy_tree(checkout.root.with_name(NAME))
    for name in (".venv", "samples/street.jpg", "samples/people.jpg"):
        (root / name).symlink_to(checkout.root / name)
    (root / "archives 100%").mkdir()
    shutil.copyfile(archive, root / "archives 100%" / "yolo.mar")
    (root / ".env").write_text("FOLDER='archives 100%'\nMODEL_STORE=${FOLDER}\n")
    names = list(PORTS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    # LC_ALL: as cron and systemd start programs.
    env = {**checkout.env, **{name: str(port) for name, port in ports.items()}, **RELEASED_TO, "LC_ALL": "C"}
    found = Checkout(root, env, ports)
    yield found
    found.run("scripts/down.sh")
    assert found.processes("") == []
    shutil.rmtree(root)


def test_the_service_runs_in_a_folder_with_an_odd_name_and_no_utf8_locale(odd):
    done = odd.run("scripts/up.sh", "--native")
    assert done.returncode == 0, done.stdout
    (server,) = odd.processes("org.pytorch.serve.ModelServer")
    assert NAME in server.cmdline()[0]
    answer = HTTP.post(f"{odd.gateway}/predict?imgsz=128", content=(odd.root / "samples/street.jpg").read_bytes())
    assert answer.json()["model"] == {"name": "yolo", "version": "base"}
    assert not list((odd.root / "serving/torchserve/model-store").glob("*.mar"))
