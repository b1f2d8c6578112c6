import hashlib
import json
import zipfile

import pytest

from ops.errors import OpsError
from ops.store import archive

WEIGHTS = b"weights"
SHA = hashlib.sha256(WEIGHTS).hexdigest()


def contents(version="1.0"):
    metadata = {
        "version": version,
        "task": "detect",
        "source": {"sha256": SHA},
        "engines": {"openvino": "openvino/model.xml", "torch": "best.pt"},
    }
    manifest = {
        "model": {
            "modelName": "yolo",
            "modelVersion": version,
            "handler": "yolo_handler.py",
            "serializedFile": "best.pt",
        }
    }
    return {
        "yolo_handler.py": b"class YoloHandler: ...",
        "yolo/__init__.py": b"",
        "image_formats/__init__.py": b"",
        "best.pt": WEIGHTS,
        "openvino/model.xml": b"<net/>",
        "requirements.txt": b"",
        "yolo.json": json.dumps(metadata).encode(),
        "MAR-INF/MANIFEST.json": json.dumps(manifest).encode(),
    }


def write(path, files):
    with zipfile.ZipFile(path, "w") as mar:
        for name, data in files.items():
            mar.writestr(name, data)
    return path


def test_a_whole_archive_passes_and_describes_itself(tmp_path):
    found = archive.verify_new(write(tmp_path / "a.mar", contents()), "1.0", SHA)
    assert (found.version, found.task, found.source_sha256) == ("1.0", "detect", SHA)


@pytest.mark.parametrize("name", [name for name in contents() if name != "yolo.json"])
def test_an_archive_without_any_one_of_its_files_is_refused(tmp_path, name):
    files = contents()
    del files[name]
    with pytest.raises(OpsError, match="did not pass its check"):
        archive.verify_new(write(tmp_path / "a.mar", files), "1.0", SHA)


def test_an_archive_with_another_version_in_its_manifest_is_refused(tmp_path):
    with pytest.raises(OpsError, match="modelVersion"):
        archive.verify_new(write(tmp_path / "a.mar", contents("2.0")), "1.0", SHA)


def test_an_archive_of_other_weights_is_refused(tmp_path):
    with pytest.raises(OpsError, match="not the given ones"):
        archive.verify_new(write(tmp_path / "a.mar", contents() | {"best.pt": b"other"}), "1.0", SHA)


def test_a_handler_file_with_two_classes_is_refused(tmp_path):
    two = contents() | {"yolo_handler.py": b"class A: ...\nclass B: ..."}
    with pytest.raises(OpsError, match="2 classes"):
        archive.verify_new(write(tmp_path / "a.mar", two), "1.0", SHA)


def test_an_archive_cut_short_is_refused_and_passed_over_among_the_kept(tmp_path):
    whole = write(tmp_path / "yolo-1.0.mar", contents())
    cut = tmp_path / "yolo-1.1.mar"
    cut.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(OpsError):
        archive.verify_new(cut, "1.1", SHA)
    assert [kept.version for kept in archive.list_kept(tmp_path)] == ["1.0"]


def test_keeping_a_version_twice_is_refused_and_leaves_the_first(tmp_path):
    first = write(tmp_path / "first", contents())
    second = tmp_path / "second"
    second.write_bytes(b"x")
    kept = archive.add(first, "1.0", tmp_path)
    with pytest.raises(FileExistsError):
        archive.add(second, "1.0", tmp_path)
    assert kept.read_bytes() == first.read_bytes()


def test_the_current_archive_is_a_copy_so_that_overwriting_it_in_place_spares_the_kept_one(tmp_path):
    kept = archive.add(write(tmp_path / "built", contents()), "1.0", tmp_path)
    current = archive.make_current(kept, tmp_path)
    current.write_bytes(b"overwritten in place, as cp does")
    assert archive.describe(kept).version == "1.0"


def test_the_archives_can_be_read_by_another_user(tmp_path):
    built = write(tmp_path / "built", contents())
    built.chmod(0o600)
    kept = archive.add(built, "1.0", tmp_path)
    current = archive.make_current(kept, tmp_path)
    assert [path.stat().st_mode & 0o777 for path in (kept, current)] == [0o644, 0o644]
