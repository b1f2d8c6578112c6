from pathlib import Path

import cv2
import numpy as np
import pytest

from ops.errors import OpsError
from ops.packaging.int8 import calibration
from tests.support import jpeg
from yolo import metadata, parameters
from yolo.pipeline import Pipeline, Request

MODEL = {
    "format": 1, "version": "1", "task": "detect", "names": {"0": "a"}, "imgsz": [640, 640], "stride": 32,
    "channels": 3, "end2end": False, "head": "Detect", "engines": {},
}  # fmt: skip


class Recorder:
    """An engine that keeps what it is given."""

    name, device, precision, threads, grouped = "recorder", "CPU", "f32", 1, False

    def __init__(self):
        self.seen = []

    def infer(self, batch):
        self.seen.append(batch.copy())
        return [np.zeros((1, 5, 10), dtype=np.float32)]


def pictures(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:03}.jpg").write_bytes(jpeg(64 + number, 48))
    return folder


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(OpsError, match="/no/such: there is no such folder"):
        calibration.gather(Path("/no/such"))


def test_a_folder_without_pictures_is_refused_with_how_many_are_needed(tmp_path):
    (tmp_path / "labels.txt").write_text("0 .5 .5 1 1")
    with pytest.raises(OpsError, match=f"holds no pictures; at least {calibration.FEWEST} are needed"):
        calibration.gather(tmp_path)


def test_too_few_pictures_are_counted(tmp_path):
    with pytest.raises(OpsError, match="holds 3 pictures; at least 8"):
        calibration.gather(pictures(tmp_path, 3))


def test_pictures_that_cannot_be_read_are_named_when_too_few_are_left(tmp_path):
    pictures(tmp_path, 5)
    for number in range(4):
        (tmp_path / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(OpsError, match=r"4 of 9 pictures cannot be read.*8 good ones.*\n    broken0\.png: "):
        calibration.gather(tmp_path)


def test_pictures_that_cannot_be_read_are_left_out_and_said_when_enough_are_left(tmp_path, capsys):
    pictures(tmp_path, 8)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    found = calibration.gather(tmp_path)
    assert len(found.calibrating) == 8
    assert "1 of 9 pictures cannot be read and are left out" in capsys.readouterr().out


def test_pictures_are_found_below_the_folder_too_whatever_the_case_of_their_suffix(tmp_path):
    pictures(tmp_path / "train", 4)
    (tmp_path / "B.JPG").write_bytes(jpeg())
    assert len(calibration.find(tmp_path)) == 5


def test_few_pictures_serve_both_to_calibrate_and_to_compare():
    paths = [Path(str(number)) for number in range(calibration.HELD_BACK_FROM - 1)]
    shared = calibration.share(paths)
    assert shared.calibrating == shared.comparing == paths
    assert not shared.held_back


@pytest.mark.parametrize("count", [calibration.HELD_BACK_FROM, 101, 400, 5000])
def test_of_many_pictures_a_quarter_is_held_back(count):
    shared = calibration.share([Path(f"{number:04}") for number in range(count)])
    assert shared.held_back
    assert not set(shared.calibrating) & set(shared.comparing)
    total = min(count, 400)
    assert (len(shared.calibrating), len(shared.comparing)) == (total - total // 4, total // 4)


def test_a_choice_of_many_reaches_from_the_first_to_the_last():
    chosen = calibration.spread([Path(f"{number:04}") for number in range(1000)], 10)
    assert [path.name for path in chosen] == [f"{number:04}" for number in range(0, 1000, 100)]


@pytest.mark.parametrize("head", ["Detect", "RTDETRDecoder"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(500, 300), (40, 900)])
def test_calibration_sees_what_the_server_gives_its_engine(tmp_path, head, channels, size):
    model = metadata.parse({**MODEL, "head": head, "channels": channels})
    picture = tmp_path / "p.png"
    cv2.imwrite(str(picture), np.random.default_rng(1).integers(0, 255, (*size[::-1], 3), dtype=np.uint8))
    engine = Recorder()
    pipeline = Pipeline(engine, model, 64_000_000)
    pipeline.run([Request(picture.read_bytes(), parameters.parse({}, model))])
    pipeline.close()
    (served,) = engine.seen
    given = calibration.network_input(picture, model)
    assert given.dtype == np.float32
    assert np.array_equal(given, served.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))


def test_the_limit_of_pixels_is_the_servers(tmp_path, monkeypatch):
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "1000")
    with pytest.raises(OpsError, match="cannot be read"):
        calibration.gather(pictures(tmp_path, 10))
