"""Pictures found, answers written: the pure parts of predict, and its files on a real disk."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path, PurePosixPath

import pytest

from ops.errors import LockedError, OpsError, UsageError
from ops.predict import client, coco, csv_table, outputs, sources, tally, yolo_txt
from ops.predict.client import Reply
from ops.predict.journal import Journal
from ops.predict.sources import Item

BODY = {
    "status": "success",
    "detections": [
        {"confidence": 0.8912, "class": "person", "bbox": [100.0, 200.0, 300.0, 600.0], "class_id": 0},
        {"confidence": 0.5, "class": "bus", "bbox": [0.0, 0.0, 1000.0, 800.0], "class_id": 5},
    ],
    "image": {"width": 1000, "height": 800},
    "model": {"name": "yolo", "version": "1.0"},
    "task": "detect",
}
NOTHING = {**BODY, "detections": []}


def item(name: str) -> Item:
    return Item(name, PurePosixPath(name).with_suffix(""), Path(name))


def reply(body=BODY) -> Reply:
    return Reply(body, None, 0.1)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in (
        "in/b.jpg",
        "in/a.PNG",
        "in/deep/c.webp",
        "in/notes.txt",
        "in/.hidden/d.jpg",
        "odd.picture",
        "x[1].jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gives_its_pictures_with_all_below_and_nothing_hidden(tree):
    found = sources.find(["in"])
    assert [one.name for one in found] == ["in/a.PNG", "in/b.jpg", "in/deep/c.webp"]
    assert [str(one.place) for one in found] == ["a", "b", "deep/c"]


def test_a_folder_gives_pictures_of_every_usual_name_and_counts_what_is_passed_over(tree):
    for name in ("in/a.jfif", "in/a.jpe", "in/a.MPO", "in/a.pdf", "in/README"):
        (tree / name).write_bytes(b"x")
    passed_over = Counter()
    names = [one.name for one in sources.find(["in"], None, passed_over)]
    assert {"in/a.jfif", "in/a.jpe", "in/a.MPO"} <= set(names)
    assert passed_over == {".txt": 1, ".pdf": 1, "": 1}


@pytest.mark.parametrize("source", ["in", "in/**/*.jpg"])
def test_pictures_that_this_command_has_written_are_not_read_again(tree, source):
    drawn = tree / "in/drawn/b.jpg"
    drawn.parent.mkdir()
    drawn.write_bytes(b"x")
    names = [one.name for one in sources.find([source], Path("in/drawn"))]
    assert "in/b.jpg" in names
    assert "in/drawn/b.jpg" not in names
    assert "in/drawn/b.jpg" in [one.name for one in sources.find([source])]
    assert [one.name for one in sources.find(["in/drawn/b.jpg"], Path("in/drawn"))] == ["in/drawn/b.jpg"]


def test_pictures_are_not_written_over_those_that_are_read(tree):
    with pytest.raises(UsageError, match="--out in is the folder that is read"):
        sources.find([str(tree / "in")], Path("in"))


def test_a_pattern_with_a_bracket_that_matches_nothing_gets_a_hint(tree):
    (tree / "shots [1]").mkdir()
    (tree / "shots [1]/a.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"no file matches.*'shots \[\[\]1\]/\*\.jpg'"):
        sources.find(["shots [1]/*.jpg"])
    assert len(sources.find(["shots [[]1]/*.jpg"])) == 1


def test_a_file_whose_name_is_not_utf_8_has_a_name_that_can_be_written(tree):
    path = Path(os.fsdecode(b"in/caf\xe9.jpg"))
    path.write_bytes(b"x")
    (found,) = [one for one in sources.find(["in"]) if one.path == path]
    assert found.name == r"in/caf\xe9.jpg"
    for kind in ("jsonl", "csv", "coco"):
        output = outputs.create(kind, tree / f"out.{kind}", False)
        output.add(found, reply(), "T")
        output.close()
    output = outputs.create("yolo", tree / "labels", False)
    output.add(found, reply(), "T")
    assert [file.name for file in (tree / "labels").iterdir()] == [os.fsdecode(b"caf\xe9.txt")]


def test_a_file_that_is_named_is_a_picture_whatever_it_is_called(tree):
    assert [one.name for one in sources.find(["odd.picture", "x[1].jpg"])] == ["odd.picture", "x[1].jpg"]


@pytest.mark.parametrize(
    ("pattern", "places"), [("in/**/*.webp", ["deep/c"]), ("*/*.jpg", ["in/b"]), ("in/d*/*", ["deep/c"])]
)
def test_a_pattern_keeps_what_lies_below_its_fixed_part(tree, pattern, places):
    assert [str(one.place) for one in sources.find([pattern])] == places
    assert [str(one.place) for one in sources.find([str(tree / pattern)])] == places


def test_a_picture_that_is_named_twice_is_asked_about_once(tree):
    assert [one.name for one in sources.find(["in/b.jpg", "in", "in/*.jpg"])].count("in/b.jpg") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("absent.jpg", "no such file"),
        ("*.gif", "no file matches"),
        ("empty", "no pictures"),
        ("http://", "not the address"),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_asked(tree, text, says):
    (tree / "empty").mkdir()
    with pytest.raises(UsageError, match=says) as caught:
        sources.find(["in", text])
    assert text in str(caught.value)


def test_an_address_keeps_its_password_to_itself():
    (found,) = sources.find(["http://admin:geheim@cam.local:81/snap.jpg?channel=1"])
    assert found.name == "http://cam.local:81/snap.jpg?channel=1"
    assert str(found.place) == "cam.local-81-snap.jpg-channel-1"
    assert found.url == "http://admin:geheim@cam.local:81/snap.jpg?channel=1"
    moment = sources.snapshot(found, "20261123T150000.123Z")
    assert moment.name == "http://cam.local:81/snap.jpg?channel=1#20261123T150000.123Z"
    assert str(moment.place) == "cam.local-81-snap.jpg-channel-1-20261123T150000.123Z"
    with pytest.raises(UsageError) as caught:
        sources.find(["http://admin:geheim@cam:port/x"])
    assert "geheim" not in str(caught.value)


def test_an_address_never_leaves_the_output_folder():
    (found,) = sources.find(["http://h/../../etc/passwd?a=../b"])
    assert "/" not in str(found.place)


def test_two_pictures_for_one_file_are_refused(tree):
    (tree / "b.JPG").write_bytes(b"x")
    with pytest.raises(UsageError, match="would both be written"):
        sources.check_places(sources.find(["in/b.jpg", "b.JPG"]))
    sources.check_places(sources.find(["in"]))


def test_a_table_has_a_row_for_each_detection_and_one_for_a_picture_without_any(tmp_path):
    lines = [{"source": "a.jpg", "at": "T", **BODY}, {"source": "=cmd()", "at": "T", **NOTHING}]
    csv_table.convert(lines, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as stream:
        first, second, empty = csv.DictReader(stream)
    assert (first["class"], first["x2"], second["class_id"], second["width"]) == ("person", "300.0", "5", "1000")
    assert (empty["class"], empty["confidence"], empty["source"]) == ("", "", "'=cmd()"), "no formula"


def test_coco_results_have_width_and_height_and_the_numbers_ultralytics_gives():
    first, second = coco.results({"source": "in/000000397133.jpg", **BODY})
    assert first == {"image_id": 397133, "category_id": 1, "bbox": [100, 200, 200, 400], "score": 0.8912}
    assert second["category_id"] == 6
    assert next(coco.results({"source": "street.jpg", **BODY}))["image_id"] == "street"


def test_coco_results_take_the_numbers_of_an_annotation_file(tmp_path):
    file = tmp_path / "instances.json"
    file.write_text(
        json.dumps({"images": [{"id": 7, "file_name": "val/a.jpg"}], "categories": [{"id": 90, "name": "bus"}]})
    )
    known = coco.Known.of(file)
    assert [(one["image_id"], one["category_id"]) for one in coco.results({"source": "x/a.jpg", **BODY}, known)] == [
        (7, 90)
    ]
    assert list(coco.results({"source": "b.jpg", **BODY}, known)) == []
    file.write_text("{}")
    with pytest.raises(UsageError, match="not a COCO annotation file"):
        coco.Known.of(file)


def test_coco_results_carry_masks_and_keypoints():
    line = {
        "source": "a.jpg",
        **BODY,
        "masks": [[[[0, 0], [1, 0], [1, 1]]], []],
        "keypoints": [[[1, 2, 0.5], [3, 4]], []],
    }
    first, second = coco.results(line)
    assert first["segmentation"] == [[0, 0, 1, 0, 1, 1]]
    assert first["keypoints"] == [1, 2, 0.5, 3, 4, 1.0]
    assert not {"segmentation", "keypoints"} & set(second)


def test_coco_results_are_a_list_also_when_empty(tmp_path):
    for lines, count in (([], 0), ([{"source": "a.jpg", **BODY}] * 3, 6)):
        coco.convert(lines, tmp_path / "r.json")
        assert len(json.loads((tmp_path / "r.json").read_text())) == count


def test_a_label_file_has_fractions_of_the_picture():
    assert yolo_txt.label(BODY) == b"0 0.2 0.5 0.2 0.5\n5 0.5 0.5 1 1\n"
    assert yolo_txt.label(BODY, confidence=True).splitlines()[0] == b"0 0.2 0.5 0.2 0.5 0.8912"
    assert yolo_txt.label(NOTHING) == b""


def test_a_label_file_of_other_tasks():
    one = {**BODY, "detections": BODY["detections"][:1]}
    small, large = [[0, 0], [1, 0], [1, 1]], [[0, 0], [500, 0], [500, 400]]
    assert yolo_txt.label({**one, "masks": [[small, large]]}) == b"0 0 0 0.5 0 0.5 0.5\n"
    assert yolo_txt.label({**one, "keypoints": [[[500, 400, 0.9]]]}) == b"0 0.2 0.5 0.2 0.5 0.5 0.5 0.9\n"
    corners = [{"xyxyxyxy": [[0, 0], [1000, 0], [1000, 800], [0, 800]], "xywhr": []}]
    assert yolo_txt.label({**one, "obb": corners}) == b"0 0 0 1 0 1 1 0 1\n"
    probs = [{"cls": 3, "name": "cat", "conf": 0.75}]
    assert yolo_txt.label({"task": "classify", "probs": probs, "detections": []}) == b"0.7500 cat\n"


def test_lines_are_resumed_after_the_last_whole_one(tmp_path):
    path = tmp_path / "deep/out.jsonl"
    first = outputs.create("jsonl", path, False)
    first.add(item("a.jpg"), reply(), "T")
    first.close()
    with path.open("ab") as stream:
        stream.write(b'{"source":"b.jpg","det')  # a power cut
    second = outputs.create("jsonl", path, False)
    assert second.has(item("a.jpg"))
    assert not second.has(item("b.jpg"))
    second.add(item("b.jpg"), reply(NOTHING), "T")
    second.close()
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["source"] for line in written] == ["a.jpg", "b.jpg"]
    assert written[0] == {"source": "a.jpg", "at": "T", **{k: v for k, v in BODY.items() if k != "status"}}


def test_a_long_cut_line_is_taken_away_whole(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(b'{"source":"a"}\n' + b"x" * 200_000)
    Journal(path).close()
    assert path.read_bytes() == b'{"source":"a"}\n'
    path.write_bytes(b"x" * 200_000)
    Journal(path).close()
    assert path.read_bytes() == b""


def test_again_begins_from_nothing(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text('{"source":"a"}\n')
    output = outputs.create("jsonl", path, True)
    assert not output.has(item("a"))
    output.close()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("content", ["no json\n", "[1]\n", '{"other": 1}\n'])
def test_somebody_elses_file_is_left_alone(tmp_path, content):
    path = tmp_path / "out.jsonl"
    path.write_text('{"source":"a"}\n' + content)
    with pytest.raises(OpsError, match="line 2: not written by this command"):
        outputs.create("jsonl", path, False)
    assert path.read_text().endswith(content)
    precious = tmp_path / "results.json"
    precious.write_text("mine")
    with pytest.raises(UsageError, match="not written by this command"):
        outputs.create("coco", precious, False)
    assert precious.read_text() == "mine"


def test_two_runs_do_not_write_one_file(tmp_path):
    first = outputs.create("csv", tmp_path / "t.csv", False)
    with pytest.raises(LockedError):
        outputs.create("csv", tmp_path / "t.csv", False)
    first.close()
    outputs.create("csv", tmp_path / "t.csv", False).close()


def test_a_file_that_makes_sense_only_whole_is_made_of_all_runs(tmp_path):
    path = tmp_path / "results.json"
    for name in ("1.jpg", "2.jpg"):
        output = outputs.create("coco", path, False)
        output.add(item(name), reply(), "T")
        output.close()
    assert [one["image_id"] for one in json.loads(path.read_text())] == [1, 1, 2, 2]
    assert {file.name for file in tmp_path.iterdir()} == {"results.json", "results.json.lines"}


def test_files_are_written_whole_beside_each_other(tmp_path):
    output = outputs.create("yolo", tmp_path / "labels", False)
    for name in ("a.jpg", "deep/b.jpg"):
        assert not output.has(item(name))
        output.add(item(name), reply(NOTHING), "T")
        assert output.has(item(name))
    with pytest.raises(OSError, match="how large"):
        output.add(item("c.jpg"), reply({**BODY, "image": None}), "T")
    output.close()
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == [
        "labels/a.txt",
        "labels/deep/b.txt",
    ]


def test_patience_is_what_the_gateway_asks_for():
    assert 2 <= client.requested_pause_s("2", 99) <= 2.25
    assert client.requested_pause_s("999999999999", 1) <= client.LONGEST_WAIT_S + 0.25
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 28 <= client.requested_pause_s(soon, 1) <= 30
    for nothing in (None, "soon", "-1", ""):
        assert client.requested_pause_s(nothing, 1.5) == 1.5


def test_pauses_double_up_to_a_bound():
    assert 0.25 <= client.backoff_s(0) <= 0.5
    assert 15 <= client.backoff_s(50) <= client.LONGEST_PAUSE_S


def test_the_summary_says_what_was_done():
    counts = tally.Tally(done=3, failed=1, skipped=2)
    counts.detections.update(["person"] * 4 + ["bus"])
    counts.took.extend([0.1, 0.2, 0.3])
    lines = "\n".join(counts.lines(waited=7))
    for part in (
        "3 done, 1 failed, 2 were there already",
        "5: person 4, bus 1",
        "p50 200 ms, p95 290 ms",
        "waited      7",
    ):
        assert part in lines
    assert tally.Tally().lines() == ["  pictures    0 done"]
    assert tally.percentiles([0.5]) == (0.5, 0.5)
