import subprocess
import sys

import httpx
import pytest
import yaml

import configuration
import healthcheck
from server_settings import Placement
from tests.support.answering import answering
from tests.support.tree import ROOT

READY = [{"workers": [{"id": "9000", "status": "READY"}]}]
FOLDER = ROOT / "serving" / "torchserve"


def test_only_a_ready_worker_is_healthy():
    loading = [{"workers": [{"id": "9000", "status": "LOADING"}]}]
    serving = [{"workers": [{"id": "9000", "status": "LOADING"}, {"id": "9001", "status": "READY"}]}]
    assert healthcheck.judge(loading) == (False, "9000=LOADING")
    assert healthcheck.judge(serving) == (True, "9000=LOADING, 9001=READY")
    assert healthcheck.judge([{"workers": []}]) == (False, "no worker")
    assert healthcheck.judge({"code": 404}) == (False, "no worker")


def test_the_query_bypasses_the_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    paths = []

    def management(request):
        paths.append(request.url.path)
        return httpx.Response(200, json=READY)

    with answering(management) as url:
        assert healthcheck.run({"MANAGEMENT_PORT": url.rpartition(":")[2]}) == 0
    assert paths == ["/models/yolo"]


def test_a_server_that_does_not_answer_is_unhealthy(capsys):
    assert healthcheck.run({"MANAGEMENT_PORT": "1"}) == 1
    assert "the management API does not answer" in capsys.readouterr().out


def test_it_asks_where_the_server_listens_by_default_about_the_model_that_is_always_there():
    assert Placement().management_port == healthcheck.MANAGEMENT_PORT
    assert healthcheck.MODEL == configuration.MODEL


@pytest.mark.parametrize("port", ["abc", "-1", "70000"])
def test_a_wrong_port_is_unhealthy(port, capsys):
    assert healthcheck.run({"MANAGEMENT_PORT": port}) == 1
    assert "the management API does not answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "service"), [("docker-compose.yml", "torchserve"), ("deploy/compose/green.yml", "torchserve-green")]
)
def test_the_command_of_a_container_imports_no_module_of_the_project(file, service):
    kind, python, *arguments = yaml.safe_load((ROOT / file).read_text())["services"][service]["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")
    for workers, code in ((READY, 0), ([], 1)):
        with answering(lambda _, workers=workers: httpx.Response(200, json=workers)) as url:
            done = subprocess.run(
                [sys.executable, "-X", "importtime", *arguments],
                cwd=FOLDER,
                env={"MANAGEMENT_PORT": url.rpartition(":")[2]},
                capture_output=True,
                text=True,
            )
        assert done.returncode == code, done.stderr
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        ours = {path.stem for path in (*FOLDER.glob("*"), *ROOT.glob("common/*"))}
        assert imported & {*ours, "site"} == set()
