import json
import re
from fnmatch import fnmatch

from benchmarks import tune
from benchmarks.contestants import roster as contestants
from benchmarks.plan import Shape
from benchmarks.servers import environments

BOXES = [{"xyxy": [1.0, 2.0, 3.0, 4.0], "conf": 0.9, "cls": 5, "name": "bus"}]


def named(name):
    return next(one for one in contestants.ALL if one.name == name)


def test_every_answer_is_read_into_the_same_boxes():
    direct = json.dumps([{"boxes": BOXES, "timings_ms": {"total": 1.0}}])
    found = {"confidence": 0.9, "class": "bus", "bbox": [1.0, 2.0, 3.0, 4.0], "class_id": 5}
    gateway = json.dumps({"status": "success", "detections": [found]})
    assert named("fastapi_yolo").read(json.dumps(BOXES)) == BOXES
    assert named("stack_direct").read(direct) == BOXES
    assert named("stack_gateway").read(gateway) == BOXES


def test_names_are_unique_and_servers_are_started_once():
    names = [one.name for one in contestants.ALL]
    assert len(set(names)) == len(names)
    both = [named("stack_direct"), named("stack_gateway")]
    assert contestants.servers(both) == ["stack"]


def test_every_contestant_stands_in_the_readme():
    text = (environments.HERE / "README.md").read_text()
    names = re.findall(
        r"`([a-z0-9_]+\*?)`", "".join(line.split("|")[1] for line in text.splitlines() if line[:3] == "| `")
    )
    missing = [one.name for one in contestants.ALL if not any(fnmatch(one.name, name) for name in names)]
    assert not missing


def test_only_the_gateway_counts_both_of_its_processes():
    assert named("stack_direct").parts == ("torchserve",)
    assert named("stack_gateway").parts == ("torchserve", "gateway")


def test_every_rival_pins_everything_it_installs():
    for name in environments.NAMES:
        folder = environments.folder_of(name)
        constraints = (folder / "constraints.txt").read_text().splitlines()
        assert all("==" in line for line in constraints if line and not line.startswith("#"))
        for line in (folder / "requirements.txt").read_text().splitlines():
            assert "==" in line or not line.strip() or line.startswith("#")


def test_torch_for_the_rivals_comes_from_where_the_project_s_own_does(monkeypatch):
    asked, installed = [], []
    monkeypatch.setattr(environments.bootstrap, "torch_index", lambda *given: asked.append(given) or "https://index")
    monkeypatch.setattr(environments, "pip", lambda *given, title: installed.append(given))
    environments.install_torch()
    assert asked[0][0] == environments.python_of("base")
    assert installed[0][-2:] == ("--index-url", "https://index")


def test_rivals_get_one_worker_per_cpu_or_all_cpus_in_one():
    assert tune.shapes(2) == [Shape(2, 1), Shape(1, 2)]
    assert tune.shapes(16) == [Shape(16, 1), Shape(1, 16), Shape(4, 4)]
    assert tune.shapes(1) == [Shape(1, 1)]


def test_the_quicker_shape_races_unless_one_is_forced_or_the_point():
    racing = [named("litserve_yolo"), named("fastapi_yolo"), named("litserve_default")]
    measured = {"litserve_yolo": {"2×1": 14.0, "1×2": 15.0}}
    chosen = tune.chosen(racing, measured, 2, None)
    assert chosen == {"litserve_yolo": Shape(1, 2), "fastapi_yolo": Shape(2, 1), "litserve_default": Shape(1, 0)}
    assert tune.chosen(racing, measured, 2, Shape(2, 2))["litserve_yolo"] == Shape(2, 2)
