"""Labelled sets in Ultralytics' form: what is read, and what is said about what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ops.errors import OpsError, UsageError
from ops.validate import dataset
from ops.validate.dataset import LabelError, describe, folders, labels_of, read

NAMES = "names: {0: person, 1: bus}\n"


def write_set(folder: Path, labels: dict[str, str | None], yaml: str = "val: images/val\n" + NAMES) -> Path:
    """A set with a picture of each name; None is a picture without a file of labels."""
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    for name, text in labels.items():
        Image.new("RGB", (40, 20)).save(folder / "images/val" / f"{name}.jpg")
        if text is not None:
            (folder / "labels/val" / f"{name}.txt").write_text(text)
    file = folder / "data.yaml"
    file.write_text(yaml)
    return file


def test_boxes_are_read_and_a_picture_without_labels_shows_nothing(tmp_path):
    found = read(write_set(tmp_path, {"a": "1 0.5 0.5 0.25 0.5\n\n0 .1 .1 .2 .2\n", "b": None, "c": ""}))
    first, *others = found.samples
    assert first.path.name == "a.jpg"
    assert first.classes.tolist() == [1, 0]
    np.testing.assert_allclose(first.boxes, [[0.5, 0.5, 0.25, 0.5], [0.1, 0.1, 0.2, 0.2]], atol=1e-6)
    assert [(len(sample.classes), sample.boxes.shape) for sample in others] == [(0, (0, 4)), (0, (0, 4))]
    assert (found.names, found.most_objects, found.left_out) == ({0: "person", 1: "bus"}, 2, [])


def test_an_outline_has_the_box_around_it_and_a_label_counts_once(tmp_path):
    line = "0 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n"
    (sample,) = read(write_set(tmp_path, {"a": line + line})).samples
    np.testing.assert_allclose(sample.boxes, [[0.3, 0.4, 0.4, 0.4]], atol=1e-6)
    assert [outline.shape for outline in sample.outlines] == [(4, 2)]


def test_keypoints_are_left_out(tmp_path):
    yaml = "val: images/val\nkpt_shape: [2, 3]\n" + NAMES
    (sample,) = read(write_set(tmp_path, {"a": "0 .5 .5 .2 .2 .4 .4 2 .6 .6 1\n"}, yaml)).samples
    assert (sample.boxes.shape, len(sample.outlines)) == ((1, 4), 0)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("0 0.5 0.5 0.2 0.2\n2 0.5 0.5 0.2 0.2\n", "line 2: class 2, where data.yaml names the classes 0 to 1"),
        ("0.5 0.5 0.5 0.2 0.2\n", "line 1: class 0.5"),
        ("0 320 240 100 100\n", "line 1: coordinates must be fractions of the picture, 0 to 1, not pixels"),
        ("0 0.5 0.5 -0.005 0.2\n", "line 1: coordinates must be fractions"),
        ("0 0.5 0.5 0.2\n", "line 1: 4 numbers; a class with a box has 5"),
        ("person 0.5 0.5 0.2 0.2\n", "line 1: a class and fractions of the picture are expected"),
        ("0 nan 0.5 0.2 0.2\n", "line 1: coordinates must be fractions"),
        ("0 .5 .5 .2 .2\n0 .1 .1 .2 .1 .2 .2\n", "both boxes (5 numbers a line) and outlines"),
    ],
)
def test_a_picture_with_wrong_labels_is_left_out_with_the_line(tmp_path, text, wrong):
    found = read(write_set(tmp_path, {"bad": text, "good": "0 .5 .5 .2 .2\n"}))
    assert [sample.path.stem for sample in found.samples] == ["good"]
    (line,) = found.left_out
    assert "labels/val/bad.txt" in line
    assert wrong in line


def test_a_label_may_reach_a_little_beyond_the_picture(tmp_path):
    assert len(read(write_set(tmp_path, {"a": "0 0.5 1.005 0.2 0.2\n"})).samples) == 1


@pytest.mark.parametrize(
    ("yaml", "wrong"),
    [
        ("[1, 2]", "path, val and names are expected"),
        ("val: [", "line 1: it is not YAML"),
        ("train: images/val\n" + NAMES, r"val: is missing. It has train: --split train"),
        (NAMES, "val: is missing. Add it"),
        ("val: [{a: b}]\n" + NAMES, "val: must be a path or a list of paths"),
        ("val: images/val\n", "names: is missing"),
        ("val: images/val\nnames: {1: bus}\n", "1 classes must have the numbers 0 to 0"),
        ("val: images/val\nnames: {a: bus}\n", "the classes must be numbered"),
        ("val: images/other\n" + NAMES, r"val: there is no .*images/other"),
        ("val: labels/val\n" + NAMES, "no pictures in labels/val"),
    ],
)
def test_a_wrong_data_yaml_is_answered_with_what_is_wrong(tmp_path, yaml, wrong):
    with pytest.raises(OpsError, match=wrong):
        read(write_set(tmp_path, {"a": "0 .5 .5 .2 .2\n"}, yaml))


def test_a_set_without_any_label_is_refused_with_the_place_where_they_would_be(tmp_path):
    with pytest.raises(OpsError, match=r"none of the 1 pictures of val has a label\. .*labels/val/a\.txt"):
        read(write_set(tmp_path, {"a": None}))
    with pytest.raises(OpsError, match=r"no labels of val can be used: .*line 1"):
        read(write_set(tmp_path / "other", {"a": "x"}))


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_missing_data_yaml_is_a_wrong_command_line(tmp_path, name):
    with pytest.raises(UsageError, match=r"data\.yaml"):
        read(tmp_path / name)


def test_a_split_may_be_a_text_file_of_paths_or_a_list(tmp_path):
    file = write_set(tmp_path, {"a": "0 .5 .5 .2 .2\n", "b": "0 .5 .5 .2 .2\n"}, "val: [val.txt]\n" + NAMES)
    (tmp_path / "val.txt").write_text("./images/val/b.jpg\n")
    assert [sample.path.name for sample in read(file).samples] == ["b.jpg"]


def test_an_export_that_says_one_folder_too_high_is_understood(tmp_path):
    file = write_set(tmp_path, {"a": "0 .5 .5 .2 .2\n"}, "val: ../images/val\n" + NAMES)
    assert len(read(file).samples) == 1


def test_a_limit_takes_pictures_from_the_whole_set(tmp_path):
    file = write_set(tmp_path, {str(number): "0 .5 .5 .2 .2\n" for number in range(9)})
    assert [sample.path.stem for sample in read(file, limit=3).samples] == ["0", "3", "6"]


def test_labels_are_beside_the_last_folder_of_images_else_next_to_the_picture():
    assert labels_of(Path("/images/set/images/val/1.2.jpg")) == Path("/images/set/labels/val/1.2.txt")
    assert labels_of(Path("/set/val/1.jpg")) == Path("/set/val/1.txt")


def test_the_folders_for_a_container_have_the_pictures_and_the_labels(tmp_path):
    file = tmp_path / "data.yaml"
    file.write_text("path: /data/street\nval: [images/val, ../valid/images]\n" + NAMES)
    assert {str(folder) for folder in folders(file, "val")} == {
        str(tmp_path),
        "/data/street",
        *("/data/street/images/val", "/data/street/labels/val"),
        *("/data/valid/images", "/data/valid/labels", "/data/street/valid/images", "/data/street/valid/labels"),
    }


def test_a_relative_path_starts_at_data_yaml(tmp_path):
    (tmp_path / "conf").mkdir()
    write_set(tmp_path / "set", {"a": "0 .5 .5 .2 .2\n"})
    file = tmp_path / "conf/data.yaml"
    file.write_text("path: ../set\nval: images/val\n" + NAMES)
    assert describe(file, "val").entries == ["images/val"]
    assert len(read(file).samples) == 1


def test_a_file_of_labels_that_is_no_text_is_named(tmp_path):
    file = write_set(tmp_path, {"a": ""})
    (tmp_path / "labels/val/a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabelError, match=r"a\.txt: it is not text"):
        dataset.read_labels(tmp_path / "images/val/a.jpg", describe(file, "val"))
