"""The image that test builds start from: Debian bookworm, reaching packages the way this machine does.

Where the engine does not have debian:bookworm-slim and cannot pull it, one is bootstrapped from the machine's own
Debian archive. Either way a layer goes on top with this machine's apt and pip settings. The result has a name of its
own, so that debian:bookworm-slim stays as it is, and is given to the builds as BASE_IMAGE.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.compose import host, packages
from tests.compose.packages import Progress

RELEASE = "bookworm"
PUBLIC = "debian:bookworm-slim"
BOOTSTRAPPED = "yolo-serving/test-debian:bookworm"
NAME = "yolo-serving/test-base:bookworm"

_PULL_SECONDS = 120  # a registry that cannot be reached must not hold the tests up for long
_LARGEST_FOLDER = 1 << 30  # bytes of wheels worth copying into a build context
# What Debian's own slim image leaves out. The files go, and so do those of packages installed later.
_SLIM = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "usr/share/lintian")
_BUNDLE = "etc/yolo-serving-tests/ca-bundle.pem"  # apart from Debian's own bundle, which ca-certificates rewrites

_DOCKERFILE = """\
ARG FROM
FROM ${FROM}
COPY root/ /
"""


def prepare(environment: dict[str, str], folder: Path, progress: Progress) -> str:
    """Build the base image in the engine that `environment` names. Returns its name.

    Raises LookupError where there is nothing to start from, RuntimeError when a step fails.
    """
    origin = _origin(environment, progress)
    context = folder / "base-image"
    _write_context(context)
    command = ["docker", "build", "--quiet", "--tag", NAME, "--build-arg", f"FROM={origin}", str(context)]
    packages.run(command, environment)
    return NAME


def _origin(environment: dict[str, str], progress: Progress) -> str:
    for name in (PUBLIC, BOOTSTRAPPED):
        if _quiet(["docker", "image", "inspect", name], environment):
            return name
    progress(f"pulling {PUBLIC}")
    if _quiet(["docker", "pull", "--quiet", PUBLIC], environment, _PULL_SECONDS):
        return PUBLIC
    _bootstrap(environment, progress)
    return BOOTSTRAPPED


def _quiet(command: list[str], environment: dict[str, str], seconds: float = 30) -> bool:
    try:
        return subprocess.run(command, env=environment, capture_output=True, timeout=seconds).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _bootstrap(environment: dict[str, str], progress: Progress) -> None:
    """Import a minimal Debian built by debootstrap (about 40 s)."""
    source = host.main_source(RELEASE)
    if source is None or os.geteuid() != 0:
        raise LookupError(f"{PUBLIC} cannot be pulled, and only root on a Debian {RELEASE} can bootstrap one")
    if needed := packages.missing({"debootstrap": "debootstrap"}):
        packages.install(needed, progress)
    progress(f"no registry answers: bootstrapping a Debian {RELEASE} (about a minute)")
    if proxy := host.apt_proxy():
        environment = {**environment, "http_proxy": proxy}
    keyring = [f"--keyring={source.keyring}"] if source.keyring else []
    with tempfile.TemporaryDirectory(prefix="yolo-serving-debian-") as folder:
        tree = Path(folder) / "tree"
        packages.run(
            ["debootstrap", "--variant=minbase", *keyring, RELEASE, str(tree), source.uri],
            {**environment, "PATH": packages.search_path()},
        )
        for cache in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(tree / cache)
            (tree / cache).mkdir()
        for path in _SLIM:
            shutil.rmtree(tree / path, ignore_errors=True)
        excludes = "".join(f"path-exclude /{path}/*\n" for path in _SLIM)
        (tree / "etc/dpkg/dpkg.cfg.d/docker").write_text(excludes)
        with subprocess.Popen(["tar", "-C", str(tree), "-c", "."], stdout=subprocess.PIPE) as tar:
            command = ["docker", "import", "--change", 'CMD ["bash"]', "-", BOOTSTRAPPED]
            packages.run(command, environment, stdin=tar.stdout)
        if tar.returncode:
            raise RuntimeError(f"tar of the bootstrapped Debian failed with {tar.returncode}")


def _write_context(context: Path) -> None:
    """The build context of the layer on top. Kept between runs, so that wheels are copied once."""
    root = context / "root"
    files = _apt_files() | _pip_files()
    for stale in [
        path for path in root.rglob("*") if path.is_file() and path.relative_to(root).as_posix() not in files
    ]:
        stale.unlink()
    for name, content in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            if not target.is_file() or target.read_text() != content:
                target.write_text(content)
        elif not target.is_file() or target.stat().st_size != content.stat().st_size:
            shutil.copy2(content, target)
            target.chmod(0o644)
    (context / "Dockerfile").write_text(_DOCKERFILE)


def _apt_files() -> dict[str, str | Path]:
    """apt's sources and options. On a machine that is not a bookworm the image's own stay."""
    if host.main_source(RELEASE) is None:
        return {"etc/apt/apt.conf.d/99host": ""}
    sources = [source for source in host.apt_sources() if any(suite.startswith(RELEASE) for suite in source.suites)]
    lines = [source.line(suite) for source in sources for suite in source.suites if suite.startswith(RELEASE)]
    files: dict[str, str | Path] = {
        "etc/apt/sources.list": "\n".join(lines) + "\n",
        "etc/apt/sources.list.d/debian.sources": "",  # the pulled image's own list of the same archives
        "etc/apt/apt.conf.d/99host": "\n".join(host.apt_options()) + "\n",
    }
    for source in sources:
        if source.keyring:
            files[source.keyring.as_posix().lstrip("/")] = source.keyring
    return files


def _pip_files() -> dict[str, str | Path]:
    settings = host.pip_settings()
    options = dict(settings.options)
    files: dict[str, str | Path] = {}
    if settings.certificate:
        options["cert"] = f"/{_BUNDLE}"
        files[_BUNDLE] = settings.certificate
    for folder in settings.folders:
        wheels = [path for path in folder.iterdir() if path.is_file()]
        if sum(path.stat().st_size for path in wheels) <= _LARGEST_FOLDER:
            files |= {path.as_posix().lstrip("/"): path for path in wheels}
    files["etc/pip.conf"] = "[global]\n" + "".join(f"{key} = {value}\n" for key, value in sorted(options.items()))
    return files
