"""VictoriaLogs, built once: Debian has its source, in the package of VictoriaMetrics, but no program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.compose import host, packages
from tests.gateway.peers.environment import HERE, made, python_with
from tests.support import cannot_run

PACKAGE, RELEASE = "victoriametrics", "trixie"
ROOT = "src/github.com/VictoriaMetrics/VictoriaMetrics"
#: The libraries that Debian took out of the source, as packages golang-NAME-dev.
LIBRARIES = (
    "github-cespare-xxhash",
    "github-golang-snappy",
    "github-klauspost-compress",
    "github-valyala-bytebufferpool",
    "github-valyala-fastjson",
    "github-valyala-fastrand",
    "github-valyala-fasttemplate",
    "github-valyala-histogram",
    "github-valyala-quicktemplate",
    "github-victoriametrics-easyproto",
    "github-victoriametrics-metrics",
    "github-victoriametrics-metricsql",
    "golang-x-sys",
)


def victoria_logs() -> Path:
    """Return the program, built now if it is not there. It needs no library of the machine."""
    sources = (HERE / "go.txt", HERE / "go.constraints.txt", Path(__file__))
    return made("victoria-logs", sources, _build) / "victoria-logs"


def _build(folder: Path) -> None:
    (go,) = python_with("go").parents[1].glob("lib/python*/site-packages/go/bin/go")
    work = folder / "work"
    work.mkdir(parents=True)
    try:
        _fetch_sources(work)
    except (LookupError, RuntimeError, OSError) as error:
        cannot_run(f"the source of VictoriaLogs cannot be had: {error}")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "GOPATH": str(work),
        "GOCACHE": str(work / "cache"),
        "GO111MODULE": "off",  # as Debian builds: without it, Go looks for the libraries on the internet
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    argv = [str(go), "build", "-o", str(folder / "victoria-logs"), "./app/victoria-logs"]
    packages.run(argv, environment, cwd=work / ROOT)
    shutil.rmtree(work)


def _fetch_sources(work: Path) -> None:
    """Unpack the package's source and the libraries into a GOPATH; apt checks their signatures."""
    release = host.codename()
    archive = host.main_source(release) if release else None
    if archive is None:
        raise LookupError("this machine has no Debian archive among its sources")
    scratch = work / "apt"
    apt = packages.private_apt(scratch, archive.line(RELEASE), archive.line(RELEASE, "deb-src"))
    packages.run([*apt, "update"])
    packages.run([*apt, "source", "--download-only", PACKAGE], cwd=scratch)
    packages.run([*apt, "download", *(f"golang-{name}-dev" for name in LIBRARIES)], cwd=scratch)
    for package in scratch.glob("*.deb"):
        packages.run(["dpkg-deb", "--extract", str(package), str(scratch / "tree")])
    (scratch / "tree/usr/share/gocode/src").rename(work / "src")
    (source,) = scratch.glob(f"{PACKAGE}_*.orig.tar.*")
    (work / ROOT).mkdir(parents=True)
    packages.run(["tar", "--extract", "--strip-components=1", f"--directory={work / ROOT}", f"--file={source}"])
