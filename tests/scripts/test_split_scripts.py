"""canary.sh, experiment.sh and shadow.sh where the service runs in Compose: what Docker is asked, in what order."""

import pytest

from tests.scripts.docker_calls import operations, packaged, packagings


def test_a_canary_is_asked_for_then_packaged_then_started(checkout, docker, weights):
    options = ["--percent", "10", "--note", "two words", "--accept-drift", "--version", "1.7", "--key-salt", "s"]
    done = checkout.run("canary.sh", "start", "new best.pt", *options)
    assert done.returncode == 0, done.stderr
    first, second = operations(docker)
    assert first == ["canary", "start", "new best.pt", *options, "--dry-run"]
    assert second == ["canary", "start", "new best.pt", *options, "--packaged", "1.7"]
    (packaging,) = packagings(docker)
    words = {"weights": "/weights/new best.pt", "note": "two words", "version": "1.7", "keep_only": True}
    assert packaged(packaging) == words


def test_a_kept_version_is_not_packaged(checkout, docker, weights):
    assert checkout.run("canary.sh", "start", "1.1", "--percent", "10").returncode == 0
    assert checkout.run("shadow.sh", "start", "1.1", "--percent", "20").returncode == 0
    assert packagings(docker) == []
    assert operations(docker) == [
        ["canary", "start", "1.1", "--percent", "10"],
        ["shadow", "start", "1.1", "--percent", "20"],
    ]


def test_the_bounds_and_gateways_of_auto_are_passed_on(checkout, docker, weights):
    bounds = ["--steps", "5,100", "--max-p95", "2", "--gateway", "http://one", "--gateway", "http://two"]
    assert checkout.run("canary.sh", "start", "new best.pt", "--auto", *bounds).returncode == 0
    assert checkout.run("canary.sh", "auto", *bounds).returncode == 0
    assert operations(docker)[1][3:] == ["--auto", *bounds, "--packaged", "1.7"]
    assert operations(docker)[2] == ["canary", "auto", *bounds]


@pytest.mark.parametrize(
    ("script", "given", "asked"),
    [
        ("canary.sh", ["set", "50"], ["canary", "set", "50"]),
        ("canary.sh", ["set", "2.5", "--dry-run"], ["canary", "set", "2.5", "--dry-run"]),
        ("canary.sh", ["promote"], ["canary", "promote"]),
        ("canary.sh", ["abort", "--keep"], ["canary", "abort", "--keep"]),
        ("canary.sh", ["status", "--json"], ["canary", "status", "--json"]),
        (
            "experiment.sh",
            ["start", "night", "--share", "1.1=50", "--share", "1.2=25"],
            ["experiment", "start", "night", "--share", "1.1=50", "--share", "1.2=25"],
        ),
        ("experiment.sh", ["stop", "--dry-run"], ["experiment", "stop", "--dry-run"]),
        ("experiment.sh", ["status"], ["experiment", "status"]),
        ("shadow.sh", ["stop", "--remove"], ["shadow", "stop", "--remove"]),
        ("shadow.sh", ["status", "--gateway", "http://one"], ["shadow", "status", "--gateway", "http://one"]),
        ("rollback.sh", ["1.0", "--abort-canary"], ["rollback", "1.0", "--abort-canary"]),
    ],
)
def test_all_else_is_one_operation_with_its_exit_code(checkout, docker, weights, script, given, asked):
    docker.answer("compose", "run", asked[0], exit=8)
    assert checkout.run(script, *given).returncode == 8
    assert operations(docker)[0] == asked


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        ("canary.sh", []),
        ("canary.sh", ["burn"]),
        ("canary.sh", ["start"]),
        ("canary.sh", ["start", "--percent"]),
        ("canary.sh", ["start", "a.pt", "b.pt"]),
        ("canary.sh", ["start", "1.1", "--dance"]),
        ("canary.sh", ["set"]),
        ("canary.sh", ["set", "--percent", "50"]),
        ("canary.sh", ["promote", "--keep"]),
        ("canary.sh", ["abort", "1.1"]),
        ("experiment.sh", []),
        ("experiment.sh", ["stop", "night"]),
        ("experiment.sh", ["start", "night", "--share"]),
        ("shadow.sh", []),
        ("shadow.sh", ["start"]),
        ("shadow.sh", ["status", "1.1"]),
        ("redeploy.sh", ["new best.pt", "--int8"]),
        ("canary.sh", ["start", "1.1", "--percent", "5", "--calibration", "samples"]),
    ],
)
def test_nonsense_is_refused_before_docker_is_asked(checkout, docker, weights, script, wrong):
    (checkout.root / "a.pt").write_bytes(b"")
    assert checkout.run(script, *wrong).returncode == 2
    assert operations(docker) == []


def test_weights_that_are_not_there_are_named(checkout, docker, weights):
    for script in ("canary.sh", "shadow.sh"):
        done = checkout.run(script, "start", "absent.pt", "--percent", "5")
        assert done.returncode == 1
        assert "absent.pt" in done.stderr
    assert docker.calls == []


@pytest.mark.parametrize("script", [["redeploy.sh"], ["canary.sh", "start", "--percent", "5"]])
def test_int8_is_the_packagers_business(checkout, docker, weights, script):
    (checkout.root / "photos").mkdir()
    name, *words = script
    done = checkout.run(name, *words, "new best.pt", "--int8", "--calibration", "photos", "--force")
    assert done.returncode == 0, done.stderr
    (packaging,) = packagings(docker)
    assert {"--int8", "--force"} <= set(packaging)
    assert any(str(checkout.root / "photos") in word for word in packaging)
    assert operations(docker)[-1][-2:] == ["--packaged", "1.7"]
    assert checkout.run(name, *words, "new best.pt", "--int8", "--calibration", "absent").returncode == 1
    checkout.run(name, *words, "new best.pt", "--int8=fast", "--calibration", "photos")
    assert "--int8=fast" in packagings(docker)[-1]
    assert "--int8" not in packagings(docker)[-1]


def test_what_cannot_be_done_is_told_before_packaging(checkout, docker, weights):
    docker.answer("compose", "run", "--dry-run", say="error: a canary is active\n", exit=8)
    done = checkout.run("canary.sh", "start", "new best.pt", "--percent", "5")
    assert (done.returncode, packagings(docker)) == (8, [])
    assert "a canary is active" in done.stdout
