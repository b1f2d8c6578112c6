import json
import re
from fnmatch import fnmatch

from benchmarks import paths
from benchmarks.contestants import roster
from benchmarks.contestants.roster import BY_NAME

BOXES = [{"xyxy": [1.0, 2.0, 3.0, 4.0], "conf": 0.9, "cls": 5, "name": "bus"}]


def test_every_answer_is_read_into_the_same_boxes():
    direct = json.dumps([{"boxes": BOXES, "timings_ms": {"total": 1.0}}])
    found = {"confidence": 0.9, "class": "bus", "bbox": [1.0, 2.0, 3.0, 4.0], "class_id": 5}
    gateway = json.dumps({"status": "success", "detections": [found]})
    assert BY_NAME["fastapi_yolo"].read(json.dumps(BOXES)) == BOXES
    assert BY_NAME["stack_direct"].read(direct) == BOXES
    assert BY_NAME["stack_gateway"].read(gateway) == BOXES


def test_names_are_unique_and_servers_are_started_once():
    assert len(BY_NAME) == len(roster.ALL)
    assert roster.servers_of([BY_NAME["stack_direct"], BY_NAME["stack_gateway"]]) == ["stack"]


def test_every_contestant_is_in_the_readme():
    text = (paths.HERE / "README.md").read_text()
    names = re.findall(
        r"`([a-z0-9_]+\*?)`", "".join(line.split("|")[1] for line in text.splitlines() if line[:3] == "| `")
    )
    assert not [one.name for one in roster.ALL if not any(fnmatch(one.name, name) for name in names)]


def test_only_the_gateway_counts_both_of_its_processes():
    assert BY_NAME["stack_direct"].parts == ("torchserve",)
    assert BY_NAME["stack_gateway"].parts == ("torchserve", "gateway")


def test_each_contestant_is_called_on_the_endpoint_of_its_server():
    ports = {"http": 1, "inference": 2, "gateway": 3}
    targets = {name: one.target(ports) for name, one in BY_NAME.items()}
    called = {name: (target.port, target.path, target.field) for name, target in targets.items()}
    assert called["litserve_yolo"] == (1, "/predict", "file")
    assert called["torchserve_plain"] == (1, "/predictions/plain", None)
    assert called["stack_int8_direct"] == (2, "/predictions/yolo", None)
    assert called["stack_auto_gateway"] == (3, "/predict", "file")
