"""Which weights are of which model, and what is said of those that are of none."""

from __future__ import annotations

from pathlib import Path

from ops.setup.weights_folder import assign, default_weights, find


def test_a_file_has_the_name_of_its_model_and_best_is_yolo() -> None:
    assert assign(["plates.pt", "best.pt", "helmets_2.pt"]) == (
        {"helmets_2": "helmets_2.pt", "plates": "plates.pt", "yolo": "best.pt"},
        [],
    )
    assert assign(["yolo.pt"]) == ({"yolo": "yolo.pt"}, [])
    assert assign([]) == ({}, [])


def test_of_two_files_for_yolo_best_is_used() -> None:
    names, faults = assign(["yolo.pt", "best.pt", "plates.pt"])
    assert names == {"plates": "plates.pt", "yolo": "best.pt"}
    assert len(faults) == 1
    assert "yolo.pt is not used: best.pt holds the weights of yolo too" in faults[0]


def test_a_name_that_cannot_be_one_stops_its_file_alone_and_says_how_to_fix_it() -> None:
    names, faults = assign(["my helmets.pt", "plates.pt", "metrics.pt", "a.b.pt", "Best.pt"])
    assert names == {"plates": "plates.pt"}
    assert [fault.partition(" is not used: ")[0] for fault in faults] == [
        "Best.pt", "a.b.pt", "metrics.pt", "my helmets.pt",
    ]  # fmt: skip
    assert "use letters, digits" in faults[3]


def test_names_that_differ_only_in_case_are_one_and_a_known_model_keeps_its_own() -> None:
    names, faults = assign(["helmets.pt", "Helmets.pt", "YOLO.pt"])
    assert names == {"Helmets": "Helmets.pt"}
    assert [fault.partition(":")[0] for fault in faults] == ["YOLO.pt is not used", "helmets.pt is not used"]
    assert "model Helmets" in faults[1]
    assert assign(["helmets.pt", "Helmets.pt"], ["helmets"])[0] == {"helmets": "helmets.pt"}
    assert assign(["HELMETS.pt"], ["helmets"])[0] == {}


def test_only_files_count_and_hidden_ones_do_not(tmp_path: Path) -> None:
    for name in ("best.pt", ".partial.pt", "notes.txt", "plates.pt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "gone.pt").symlink_to(tmp_path / "nowhere")
    found = find(tmp_path)
    assert found.files == {"plates": tmp_path / "plates.pt", "yolo": tmp_path / "best.pt"}
    assert found.faults == ["folder.pt is not a file, and is not used", "gone.pt is not a file, and is not used"]
    assert find(tmp_path / "absent").files == {}


def test_yolo_pt_is_taken_where_there_is_no_best_pt(tmp_path: Path) -> None:
    assert default_weights(tmp_path).name == "best.pt"
    (tmp_path / "yolo.pt").touch()
    assert default_weights(tmp_path).name == "yolo.pt"
    (tmp_path / "best.pt").touch()
    assert default_weights(tmp_path).name == "best.pt"
