"""Weights are code: what loads them has few rights, and code in them does not run."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from ops.errors import OpsError
from ops.packaging import package
from ops.packaging.checksum import require_expected
from ops.packaging.export import ExportError, inspect
from ops.packaging.loader import export_apart


class Touch:
    """Unpickled, it makes an empty file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


class Tell:
    """Unpickled, it writes the environment of its process to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        code = f"import json, os; open({str(self.path)!r}, 'w').write(json.dumps(dict(os.environ)))"
        return (exec, (code,))


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_weights_does_not_run(tmp_path, save):
    save({"model": Touch(tmp_path / "ran")}, tmp_path / "best.pt")
    with pytest.raises(ExportError, match=r"best\.pt"):
        inspect(tmp_path / "best.pt")
    assert not (tmp_path / "ran").exists()


def test_what_weights_hold_beyond_a_model_is_named_with_the_way_on(tmp_path):
    torch.save({"model": Touch(tmp_path / "ran")}, tmp_path / "best.pt")
    with pytest.raises(ExportError, match=r"holds more than a YOLO model: \w+\.mkdir\..*TRUST_WEIGHTS=true"):
        inspect(tmp_path / "best.pt")


def test_trusted_weights_run_their_code_without_the_callers_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_API_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("REDIS_URL", "redis://:secret@redis")
    torch.save({"model": Tell(tmp_path / "told")}, tmp_path / "best.pt")
    with pytest.raises(OpsError, match="Nothing changed"):
        export_apart(tmp_path / "best.pt", tmp_path / "out")
    assert not (tmp_path / "told").exists()
    monkeypatch.setenv("TRUST_WEIGHTS", "true")
    with pytest.raises(OpsError, match="Nothing changed"):  # it is no model
        export_apart(tmp_path / "best.pt", tmp_path / "out")
    told = json.loads((tmp_path / "told").read_text())
    assert told["PATH"] == os.environ["PATH"]
    assert "secret" not in str(told)


def test_a_loading_process_that_dies_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("TRUST_WEIGHTS", "true")

    class Die:
        def __reduce__(self):
            return (exec, ("import os; os.kill(os.getpid(), 9)",))

    torch.save({"model": Die()}, tmp_path / "best.pt")
    with pytest.raises(OpsError, match=r"process that loads the weights failed \(signal 9\)"):
        export_apart(tmp_path / "best.pt", tmp_path / "out")


def test_weights_that_are_not_the_expected_ones_are_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHTS_SHA256", "0" * 64)
    monkeypatch.setattr(package, "export_apart", pytest.fail)
    (tmp_path / "best.pt").write_bytes(b"weights")
    with pytest.raises(OpsError, match="WEIGHTS_SHA256"):
        package.package(tmp_path / "best.pt", store=tmp_path / "store")
    with pytest.raises(OpsError, match="not the expected file"):
        require_expected(tmp_path / "best.pt", "best.pt")
