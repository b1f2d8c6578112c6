import subprocess
import sys
from types import SimpleNamespace

from benchmarks import startup


def test_the_slowest_start_counts():
    assert startup.table([9.0, 7.1, 7.0])[1][1:] == ["9.0, 7.1, 7.0", "≤ 12", "yes"]
    assert startup.table([12.5, 7.1])[1][-1] == "no"


def test_a_detection_is_distinguished_from_earlier_output_of_up():
    assert startup.DETECTION.match("  bus            0.879  [   22.9,   231.3,   805.0,   756.8]")
    assert startup.DETECTION.match("  nothing found above the confidence threshold")
    for line in (
        "  packaging: done (1.0 s)",
        "street.jpg (810×1080), model yolo 1.0:",
        "  archive: version 1.0.000 [x]",
    ):
        assert not startup.DETECTION.match(line)


def test_the_copy_that_is_started_has_the_files_that_starting_needs(tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    (tmp_path / "best.pt").write_bytes(b"weights")
    monkeypatch.setattr(startup, "COPY", tmp_path / "copy")
    artifacts = SimpleNamespace(store=tmp_path / "store", weights=tmp_path / "best.pt")
    environment = startup.prepare(artifacts)
    asked = "from ops.native import service; service.services_environment(service.load())"
    done = subprocess.run([sys.executable, "-c", asked], cwd=startup.COPY, env=environment, check=False)
    assert done.returncode == 0
