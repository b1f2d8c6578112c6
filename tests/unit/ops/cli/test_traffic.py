"""What the command lines of canary, experiment, shadow and redeploy become."""

import pytest

from ops.__main__ import parser
from ops.cli.canary import BOUNDS
from ops.errors import OpsError, UsageError
from ops.releases import redeploy
from ops.rollout import candidate
from ops.torchserve import host as hosts
from ops.traffic import autopilot, canary, experiment, shadow, status
from ops.traffic.analysis import Bounds
from tests.unit.ops.conftest import assert_consistent


class Calls(list):
    """Stands for an operation and remembers how it was called."""

    def __call__(self, host, *words, **options):
        self.append((words, options))


@pytest.fixture
def called(monkeypatch, served):
    """Every operation, by module and name."""
    calls = {}
    for module, names in {
        canary: ["start", "set_percent", "promote", "abort"],
        experiment: ["start", "stop"],
        shadow: ["start", "stop"],
        redeploy: ["redeploy"],
        autopilot: ["run"],
        status: ["report_gateways_behind"],
    }.items():
        for name in names:
            calls[f"{module.__name__.split('.')[-1]}.{name}"] = remembered = Calls()
            monkeypatch.setattr(module, name, remembered)
    host = served.host()
    host.gateway = "http://gateway"
    monkeypatch.setattr(hosts, "here", lambda: host)
    return calls


def run(*argv):
    arguments = parser().parse_args(argv)
    arguments.check(arguments)
    arguments.run(arguments)


def test_a_start_with_auto_begins_at_the_first_step_and_then_watches(called):
    bounds = ["--steps", "2,20,100", "--max-errors", "0.5", "--min-requests", "7", "--deadline", "90"]
    run("canary", "start", "new.pt", "--auto", *bounds, "--gateway", "http://one", "--gateway", "http://two")
    (((target, percent, how), options),) = called["canary.start"]
    assert (target, percent, how) == ("new.pt", 2, candidate.Packaging())
    assert options == {"accept_drift": False, "salt": None, "dry_run": False}
    assert called["status.report_gateways_behind"] == [], "it looks all the time"
    (((gateways, steps, given), _),) = called["autopilot.run"]
    assert (gateways.urls, steps) == (["http://one", "http://two"], [2, 20, 100])
    assert given == {"errors": 0.5, "requests": 7, "deadline_s": 90.0}


def test_a_resumed_auto_changes_nothing_that_is_not_named_and_asks_the_usual_gateway(called):
    run("canary", "auto")
    (((gateways, steps, given), _),) = called["autopilot.run"]
    assert (gateways.urls, steps, given) == (["http://gateway"], None, {})


def test_a_start_without_share_or_with_nonsense_is_refused_before_packaging(called):
    for wrong in (
        ["canary", "start", "new.pt"],
        ["canary", "start", "new.pt", "--percent", "101"],
        ["canary", "start", "new.pt", "--auto", "--steps", "50,5"],
        ["canary", "start", "new.pt", "--auto", "--max-p95", "0.1"],
        ["canary", "set", "many"],
        ["experiment", "start", "night"],
        ["shadow", "start", "new.pt", "--percent", "-3"],
    ):
        with pytest.raises(UsageError):
            run(*wrong)
    assert not any(called.values())


def test_int8_goes_through_to_packaging(called, tmp_path):
    run("redeploy", "new.pt", "--int8", "--calibration", str(tmp_path), "--force", "--abort-canary", "--note", "n")
    (((_, how), options),) = called["redeploy.redeploy"]
    assert how == candidate.Packaging(note="n", calibration=tmp_path, force=True)
    assert options == {"accept_drift": False, "abort_canary": True, "dry_run": False}
    run("redeploy", "new.pt", "--int8=fast", "--calibration", str(tmp_path))
    assert called["redeploy.redeploy"][1][0][1] == candidate.Packaging(calibration=tmp_path, fast=True)
    with pytest.raises(OpsError, match="--calibration"):
        run("canary", "start", "new.pt", "--percent", "5", "--int8")
    with pytest.raises(OpsError, match="--force needs --int8"):
        run("redeploy", "new.pt", "--force")


def test_packaging_is_asked_for_what_the_command_line_said(served, monkeypatch, tmp_path):
    asked = []

    def package(weights, version, note, store, **options):
        asked.append((weights.name, version, note, options))
        raise OpsError("enough")

    monkeypatch.setattr("ops.packaging.package.package", package)
    (tmp_path / "new.pt").write_bytes(b"")
    how = candidate.Packaging("1.7", "n", tmp_path, True)
    with pytest.raises(OpsError, match="enough"):
        redeploy.redeploy(served.host(), tmp_path / "new.pt", how)
    (served.store / "best.pt").write_bytes(b"")
    with pytest.raises(OpsError, match="enough"):
        canary.start(served.host(), str(served.store / "best.pt"), 5, how)
    assert asked[0] == (
        "new.pt",
        "1.7",
        "n",
        {"calibration": tmp_path, "fast": False, "force": True, "data": None, "max_map_loss": None},
    )
    assert asked[1][0] == "best.pt"
    assert served.calls == []
    assert_consistent_apart_from_weights(served)


def assert_consistent_apart_from_weights(server):
    for path in server.store.glob("*.pt"):
        path.unlink()
    (server.store / "yolo-1.1.mar").unlink()
    assert_consistent(server)


@pytest.mark.parametrize(
    ("argv", "name", "words", "options"),
    [
        (["canary", "set", "12.5", "--dry-run"], "canary.set_percent", (12.5,), {"dry_run": True}),
        (["canary", "promote"], "canary.promote", (), {"dry_run": False}),
        (["canary", "abort", "--keep"], "canary.abort", (), {"keep": True, "dry_run": False}),
        (["experiment", "stop"], "experiment.stop", (), {"dry_run": False}),
        (["shadow", "stop", "--remove"], "shadow.stop", (), {"remove": True, "dry_run": False}),
    ],
)
def test_the_rest(called, argv, name, words, options):
    run(*argv)
    assert called[name] == [(words, options)]


def test_an_experiment_with_its_shares(called):
    run("experiment", "start", "night", "--share", "1.1=50", "--share", "1.2=25", "--key-salt", "s")
    assert len(called["status.report_gateways_behind"]) == 1, "whether the gateways have heard of it is looked at"
    (((name, shares), options),) = called["experiment.start"]
    assert (name, shares, options["salt"]) == ("night", {"1.1": 50, "1.2": 25}, "s")


def test_dry_runs_only_plan(called):
    run("canary", "start", "new.pt", "--percent", "5", "--dry-run")
    run("shadow", "start", "new.pt", "--percent", "5", "--dry-run")
    assert [name for name, calls in called.items() if calls] == ["canary.start", "shadow.start"]
    assert all(options["dry_run"] for calls in called.values() for _, options in calls)


def test_a_status_asks_the_gateways_named(called, capsys):
    run("shadow", "status", "--gateway", "http://one")
    assert "no shadow is active" in capsys.readouterr().out


@pytest.mark.parametrize(("word", "kept"), [("1.1", True), ("night-model", True), ("best.pt", False), ("/x/y", False)])
def test_weights_and_kept_versions_are_told_apart(word, kept):
    assert candidate.is_kept(word) is kept


def test_every_bound_has_an_option_whose_help_names_its_default(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["canary", "auto", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    fields = Bounds.__dataclass_fields__
    assert [field for _, field, _, _ in BOUNDS] == list(fields)
    for option, field, metavar, text in BOUNDS:
        assert f"{option} {metavar} {text} (default: {fields[field].default:g})" in shown
