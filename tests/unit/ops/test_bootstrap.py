import re
from pathlib import Path

import pytest

from ops import bootstrap
from ops.errors import OpsError


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: Could not find a version that satisfies the requirement torch==2.13.0", "cannot be reached"),
        ("WARNING: Retrying: NewConnectionError: Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: something else", "pip failed"),
    ],
)
def test_a_failed_pip_run_is_explained_with_its_mend_and_its_last_line(line, mend):
    message = bootstrap.explain(["Collecting torch", line], Path("setup.log"))
    assert mend in message
    assert line in message


def test_a_requirement_without_a_pin_is_refused(tmp_path, monkeypatch):
    path = bootstrap.ROOT / "constraints.txt"
    with pytest.raises(OpsError, match="does not pin"):
        bootstrap.pinned("no-such-package", path)


def test_every_requirement_is_pinned_in_its_file_and_agrees_with_the_constraints():
    locked = dict(
        line.split("==") for line in bootstrap.CONSTRAINTS.read_text().splitlines() if re.match(r"[\w-]+==", line)
    )
    locked = {name.lower().replace("_", "-"): version for name, version in locked.items()}
    for path in [*bootstrap.RUNTIME, bootstrap.TEST, bootstrap.INT8, bootstrap.JAVA, bootstrap.NO_DEPS]:
        for line in path.read_text().splitlines():
            requirement = line.split("#")[0].strip()
            if requirement:
                name, version = requirement.split("==")
                assert locked[name.partition("[")[0].lower().replace("_", "-")] == version, f"{path}: {requirement}"


def test_another_requirement_gives_another_fingerprint(tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("a==1")
    two.write_text("a==2")
    assert bootstrap.fingerprint([one]) != bootstrap.fingerprint([two])
