import httpx

import healthcheck
from tests.support.answering import answering


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
        return httpx.Response(200, json=[{"workers": [{"id": "9000", "status": "READY"}]}])

    with answering(management) as url:
        assert healthcheck.run({"MANAGEMENT_PORT": url.rpartition(":")[2]}) == 0
    assert paths == ["/models/yolo"]


def test_a_server_that_does_not_answer_is_unhealthy(capsys):
    assert healthcheck.run({"MANAGEMENT_PORT": "1"}) == 1
    assert "the management API does not answer" in capsys.readouterr().out
