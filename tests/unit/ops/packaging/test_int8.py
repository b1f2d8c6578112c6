"""Quantising for real, on small models; what it changes is judged and recorded."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import zipfile
from pathlib import Path

# Set before ultralytics is imported anywhere: it must not install, call home or write to the home folder.
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="yolo-config-"))

import cv2
import numpy as np
import openvino as ov
import pytest

from ops import __main__ as cli
from ops.errors import OpsError, UsageError
from ops.packaging import package
from ops.packaging.export import export
from ops.packaging.int8 import accuracy, compare, convert, curve, layers, quantize, search
from ops.packaging.int8.accuracy import Accuracy, Labelled
from ops.packaging.int8.agreement import Agreement
from ops.packaging.int8.calibration import Pictures
from ops.validate.dataset import Dataset, Sample
from ops.validate.metrics import Result, Row
from ops.validate.pictures import Frame, Framed, encode
from tests.support import labelled
from yolo import metadata, parameters
from yolo.engines.openvino import OpenVinoEngine
from yolo.pipeline import Pipeline, Request

IMGSZ = 96
INT8_LAYERS = 57  # of YOLOv8n


def untrained(yaml: str, path: Path) -> Path:
    """A checkpoint with fresh weights: it finds nothing, but its graph is that of a trained one."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    model = YOLO(yaml, verbose=False)
    torch.save({"model": model.model, "train_args": {"imgsz": IMGSZ, "task": model.task}}, path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(5)
    for number in range(8):
        coarse = random.integers(0, 256, (12, 9 + number, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(coarse, (90 + 10 * number, 120)))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return untrained("yolov8n.yaml", tmp_path_factory.mktemp("weights") / "fresh.pt")


@pytest.fixture(scope="module")
def forced(weights, pictures, tmp_path_factory):
    """An archive made with --force, unpacked."""
    store = tmp_path_factory.mktemp("store")
    made = package.package(weights, store=store, calibration=pictures, force=True)
    folder = tmp_path_factory.mktemp("archive")
    with zipfile.ZipFile(made.path) as mar:
        mar.extractall(folder)
    return folder


def agreeing(share: float, boxes: int = 100) -> Agreement:
    return Agreement(10, boxes, boxes, dict.fromkeys((0.5, 0.75, 0.9), round(share * boxes)), 0.02)


def test_agreement_at_the_floor_passes_and_below_it_is_refused_with_the_mend():
    convert.judge(agreeing(convert.FLOOR), force=False)
    with pytest.raises(OpsError, match=r"89\.0% of the boxes agree.*more pictures.*--force\. Nothing changed"):
        convert.judge(agreeing(convert.FLOOR - 0.01), force=False)


def test_force_packages_below_the_floor_and_says_so(capsys):
    convert.judge(agreeing(0.5), force=True)
    assert "50.0% of the boxes agree" in capsys.readouterr().out


def test_few_boxes_are_said_to_say_little(capsys):
    convert.judge(agreeing(1.0, boxes=10), force=False)
    assert "only 10 boxes" in capsys.readouterr().out


def test_the_report_shows_every_threshold_both_ways_and_the_times():
    compared = compare.Comparison(Agreement(12, 100, 110, {0.5: 99, 0.75: 88, 0.9: 77}, 0.0212), 60.0, 30.0, 2)
    text = compare.report(compared, "segment", held_back=True)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "not used for calibration" in lines[0]
    assert lines[1].startswith("boxes and masks")
    assert lines[2] == "of fp32's 100 99.0% 88.0% 77.0%"
    assert lines[3] == "of int8's 110 90.0% 80.0% 70.0%"
    assert lines[5:] == [
        "mean difference of confidence 0.021",
        "network, ms per picture: fp32 60.0",
        "network, ms per picture: int8 30.0",
        "speed-up 2.00",
    ]


def test_a_model_that_finds_nothing_is_refused_and_the_store_stays_as_it_was(weights, pictures, tmp_path):
    with pytest.raises(OpsError, match="finds nothing on these pictures"):
        package.package(weights, store=tmp_path, calibration=pictures)
    assert list(tmp_path.iterdir()) == []


def test_classify_is_refused_by_name(tmp_path):
    with pytest.raises(OpsError, match="this is a classify model: package it without --int8"):
        convert.convert(tmp_path, {"task": "classify"}, Pictures([], []))


def test_a_graph_that_cannot_be_quantised_is_the_operators_error_not_a_traceback(tmp_path, pictures):
    port = ov.opset13.parameter([1, 3, -1, -1], name="x")
    model = tmp_path / "m.xml"
    ov.save_model(ov.Model([ov.opset13.relu(port)], [port]), model)
    with pytest.raises(OpsError, match="cannot be quantised"):
        quantize.quantize(model, tmp_path / "out.xml", [tmp_path / "absent.png"], None)


def test_the_archive_tells_what_was_done_to_it(forced):
    document = json.loads((forced / "yolo.json").read_text())
    assert document["precision"] == "int8"
    record = document["quantisation"]
    assert (record["pictures"], record["held_back"], record["forced"]) == (8, False, True)
    assert record["nncf"] == quantize.require()
    assert record["floor"] == convert.FLOOR
    assert set(record["agreement"]["matched"]) == {"0.5", "0.75", "0.9"}
    assert record["agreement"]["infer_ms"]["int8"] > 0
    assert record["profile"] == "balanced"
    assert [step["chosen"] for step in record["search"]["steps"]] == [True]  # nothing is found, so nothing is searched


def test_a_process_that_has_quantised_still_takes_signals(forced):
    """Ctrl-C while what was quantised goes live. In a child: what is wrong there ends the process."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(7))
        signal.raise_signal(signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_the_archives_engine_is_the_int8_one_and_nothing_of_fp32_is_left(forced):
    engine = OpenVinoEngine(forced / "openvino/model.xml", threads=1)
    assert engine.precision == "int8"
    assert sorted(path.name for path in (forced / "openvino").iterdir()) == ["model.bin", "model.xml"]
    assert (forced / "openvino/model.bin").stat().st_size < (forced / "best.pt").stat().st_size / 2


def test_the_head_decodes_in_float_and_the_rest_is_quantised(forced):
    graph = ov.Core().read_model(forced / "openvino/model.xml")
    convolutions = [op for op in graph.get_ordered_ops() if op.get_type_name() == "Convolution"]
    kept = {
        op.get_friendly_name().split("/")[0].removeprefix("__module.model.")
        for op in convolutions
        if op.input_value(1).get_node().get_type_name() == "Constant"  # int8 weights go through a scale first
    }
    assert len(convolutions) == 64
    assert kept == {f"22.cv{branch}.{level}.2" for branch in (2, 3) for level in range(3)} | {"22.dfl.conv"}


@pytest.fixture(scope="module")
def networks(weights, pictures, tmp_path_factory):
    """The float network of the fresh weights, its int8 version, and the model's description."""
    folder = tmp_path_factory.mktemp("networks")
    model = metadata.parse({"version": "", **export(weights, folder)})
    source, target = folder / "openvino/model.xml", folder / "openvino/int8.xml"
    quantize.quantize(source, target, sorted(pictures.iterdir())[:2], model)
    return source, target, model


def test_layers_return_to_float_exactly_while_the_others_stay_int8(networks):
    source, graph = (ov.Core().read_model(path) for path in networks[:2])
    names = layers.quantised(graph)
    assert len(names) == INT8_LAYERS
    layers.to_float(graph, source, names[:20:2])
    assert layers.quantised(graph) == [name for name in names if name not in names[:20:2]]
    layers.to_float(graph, source, names)
    assert layers.quantised(graph) == []
    assert not [op for op in graph.get_ordered_ops() if op.get_type_name() == "FakeQuantize"]
    pixels = np.random.default_rng(3).random((1, 3, 64, 96), dtype=np.float32)
    expected, found = (ov.Core().compile_model(one, "CPU")(pixels)[0] for one in (source, graph))
    assert found == pytest.approx(expected, abs=1e-4)


def test_the_work_of_convolutions_and_of_matrix_products_is_counted():
    pixels = ov.opset13.parameter([1, 3, 8, 4], name="x")
    kernel = ov.opset13.constant(np.zeros((16, 3, 3, 3), dtype=np.float32))
    convolution = ov.opset13.convolution(pixels, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    square = ov.opset13.constant(np.zeros((4, 4), dtype=np.float32))
    product = ov.opset13.matmul(convolution, square, False, False)
    found = layers.work(ov.Model([product], [pixels]))
    elements = 16 * 8 * 4
    assert found == {
        convolution.get_friendly_name(): elements * (3 * 3 * 3 + layers.ELEMENT),
        product.get_friendly_name(): elements * (4 + layers.ELEMENT),
    }


def test_an_interrupted_search_leaves_no_file(networks, monkeypatch):
    source, target, model = networks
    folder = sorted(path.name for path in target.parent.iterdir())

    def interrupted(source, variants, pictures, model, tell):
        assert variants.write(variants.groups[0].layers).is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "compare", lambda *_: compare.Comparison(agreeing(0.95), 60.0, 30.0, 1))
    monkeypatch.setattr(search, "sensitivities", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search.search(source, target, Pictures([], []), model, curve.bound(has_vnni=True))
    assert sorted(path.name for path in target.parent.iterdir()) == folder


def test_free_shapes_answer_as_fixed_ones_do(forced):
    model = forced / "openvino/model.xml"
    free = OpenVinoEngine(model, threads=1)
    random = np.random.default_rng(3)
    for height, width in ((96, 96), (32, 96), (96, 32), (64, 96), (96, 96), (32, 32)):
        pixels = random.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        graph = ov.Core().read_model(model)
        graph.reshape([1, 3, height, width])
        fixed = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        expected = fixed([pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255])[0]
        assert free.infer(pixels)[0] == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("yaml", ["yolo11n-seg.yaml", "yolo26n-pose.yaml"])
def test_other_tasks_are_quantised_too(yaml, pictures, tmp_path):
    document = export(untrained(yaml, tmp_path / "w.pt"), tmp_path)
    paths = sorted(pictures.iterdir())[:2]
    changed = convert.convert(tmp_path, document, Pictures(paths, paths), force=True)
    assert changed["precision"] == "int8"
    assert OpenVinoEngine(tmp_path / "openvino/model.xml", threads=1).precision == "int8"


def row(value: float) -> Result:
    return Result(Row("all", 9, 50, 0.5, 0.5, value + 0.2, value), [])


def measured(loss: float, max_loss: float = 0.01) -> Accuracy:
    data = Dataset(Path("data.yaml"), "val", {0: "person"}, [], [])
    return Accuracy(Labelled(data, max_loss), row(0.4), row(0.4 - loss))


def test_a_loss_of_map_within_the_bound_passes_and_above_it_is_refused():
    accuracy.judge(measured(0.0099), force=False)
    accuracy.judge(measured(-0.2), force=False)
    with pytest.raises(OpsError, match=r"int8 loses 0\.0101 of mAP50-95, more than the 0\.01.*--max-map-loss.*--force"):
        accuracy.judge(measured(0.0101), force=False)
    accuracy.judge(measured(0.0101, max_loss=0.02), force=False)


def test_force_packages_above_the_bound_and_the_archive_says_so(capsys):
    found = measured(0.3)
    accuracy.judge(found, force=True)
    assert "packaged anyway because of --force" in capsys.readouterr().out
    document = found.document(force=True)
    assert (document["forced"], document["max_loss"], document["pictures"]) == (True, 0.01, 9)
    assert document["map50_95"] == {"fp32": 0.4, "int8": 0.1}
    assert measured(0.0).document(force=True)["forced"] is False


def test_the_map_of_both_models_is_shown():
    lines = [" ".join(line.split()) for line in accuracy.lines(measured(0.025))]
    assert lines == [
        "mAP on 9 labelled pictures of val (50 objects)",
        "mAP50 mAP50-95",
        "fp32 0.6000 0.4000",
        "int8 0.5750 0.3750",
        "difference -0.0250 -0.0250",
    ]


def test_a_labelled_set_that_is_wrong_is_refused_before_the_weights_are_loaded(weights, pictures, tmp_path):
    data = tmp_path / "data.yaml"
    data.write_text("val: absent\nnames: [a]\n")
    with pytest.raises(OpsError, match=r"there is no .*absent"):
        package.package(weights, store=tmp_path / "store", calibration=pictures, data=data)
    assert not (tmp_path / "store").exists()


def test_both_models_are_measured_on_a_labelled_set_and_the_archive_records_it(weights, pictures, tmp_path, capsys):
    names = {number: str(number) for number in range(80)}
    answer = {"boxes": [{"xyxy": [10, 10, 60, 60], "cls": 0}] * 9}
    data = labelled.make(tmp_path / "set", sorted(pictures.iterdir())[:2], names, lambda _: (answer, (90, 120), (0, 0)))
    found = package.package(weights, store=tmp_path / "store", calibration=pictures, data=data, force=True)
    with zipfile.ZipFile(found.path) as mar:
        record = json.loads(mar.read("yolo.json"))["quantisation"]["validation"]
    assert (record["pictures"], record["split"], record["max_loss"], record["forced"]) == (2, "val", 0.01, False)
    assert record["instances"] > 10
    assert record["map50"] == {"fp32": 0.0, "int8": 0.0}  # fresh weights find nothing
    assert "mAP on 2 labelled pictures of val" in capsys.readouterr().out


def test_trained_weights_lose_little_map_and_are_refused_where_less_may_be_lost(coco_weights, photos, tmp_path):
    import torch

    model = torch.load(coco_weights, weights_only=False)
    names = (model.get("ema") or model["model"]).names
    with pytest.raises(OpsError, match=r"int8 loses 0\.0\d+ of mAP50-95, more than the 0 "):
        package.package(
            coco_weights,
            store=tmp_path / "store",
            calibration=photos[0].parent,
            fast=True,
            data=trained_set(coco_weights, photos, names, tmp_path),
            max_map_loss=0.0,
        )
    assert list((tmp_path / "store").iterdir()) == []


def trained_set(weights: Path, photos: list[Path], names: dict[int, str], folder: Path) -> Path:
    """Labels that the fp32 model finds itself in the very input that it is measured with: int8 can only lose."""
    document = export(weights, folder / "fp32")
    model = metadata.parse({"version": "", **document})
    pipeline = Pipeline(OpenVinoEngine(folder / "fp32/openvino/model.xml", threads=1), model, 64_000_000)
    wanted = parameters.parse({"imgsz": "672"}, model)

    def find(picture: Path) -> labelled.Found:
        framed = Framed(Sample(picture, np.zeros(0), np.zeros((0, 4))), (672, 672))  # landscape and portrait in a batch
        data, placed = encode(framed, Frame(640, 32))
        (outcome,) = pipeline.run([Request(data, wanted)])
        return outcome.answer, placed.size, placed.offset

    return labelled.make(folder / "set", photos, names, find, jitter=0.0)


def test_trained_weights_keep_their_detections(coco_weights, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(curve, "MOST_FLOAT", 0.05)  # a short search
    monkeypatch.setattr(search, "SAMPLE", 3)
    monkeypatch.setattr(search, "TIMED", 4)
    made = package.package(coco_weights, store=tmp_path / "store", calibration=photos[0].parent)
    with zipfile.ZipFile(made.path) as mar:
        record = json.loads(mar.read("yolo.json"))["quantisation"]
        mar.extractall(tmp_path / "archive")
    assert record["forced"] is False
    assert record["agreement"]["boxes"]["fp32"] > 100
    assert record["agreement"]["matched"]["0.5"]["of_both"] >= convert.FLOOR
    assert record["agreement"]["mean_conf_difference"] < 0.05

    steps = record["search"]["steps"]
    assert len(steps) > 1
    (chosen,) = (step for step in steps if step["chosen"])
    assert chosen["mean_conf_difference"] == record["agreement"]["mean_conf_difference"]
    assert min(step["mean_conf_difference"] for step in steps[1:]) < steps[0]["mean_conf_difference"]
    graph = ov.Core().read_model(tmp_path / "archive/openvino/model.xml")
    in_float = record["search"]["float_layers"]
    assert len(layers.quantised(graph)) == INT8_LAYERS - len(in_float)
    assert not set(in_float).intersection(layers.quantised(graph))
    assert sorted(path.name for path in (tmp_path / "archive/openvino").iterdir()) == ["model.bin", "model.xml"]
    assert "speed-up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--int8"], "--int8 needs --calibration DIR"),
        (["--calibration", "pictures"], "--calibration needs --int8"),
        (["--force"], "--force needs --int8"),
        (["--data", "data.yaml"], "--data needs --int8"),
        (["--int8", "--calibration", "pictures", "--max-map-loss", "0.1"], "--max-map-loss needs --data"),
        (["--int8", "--calibration", "pictures", "--if-needed"], "use one of them"),
    ],
)
def test_options_that_do_not_belong_together_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        cli.run(["package", *arguments])
