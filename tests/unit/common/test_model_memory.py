"""The estimate of the memory that models take, and the limit it is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

import model_memory
from model_memory import MB, Need

# What was measured: the archive, and the worker of the engine that takes more, in MB.
MEASURED = {20: 260, 22: 236, 90: 344, 208: 503, 547: 964}


@pytest.mark.parametrize(("archive", "worker"), MEASURED.items())
def test_the_estimate_of_a_worker_is_above_what_was_measured_and_near_it(archive: int, worker: int) -> None:
    one, two = (Need((archive * MB,), workers).bytes for workers in (1, 2))
    assert worker < (two - one) / MB < worker + 100


def test_every_version_has_its_archive_and_its_workers() -> None:
    assert Need((20 * MB, 20 * MB), 2).bytes == 2 * Need((20 * MB,), 2).bytes
    assert Need((20 * MB,), 0).bytes == 20 * MB


def test_large_images_are_allowed_for_but_not_in_every_worker() -> None:
    without, one, two, many = (model_memory.of_server(500 * MB, workers) for workers in (0, 1, 2, 16))
    assert (one - without, two - without, many - without) == (500 * MB, 1000 * MB, 1000 * MB)


def test_three_small_models_fit_into_the_container_by_default() -> None:
    limit = model_memory.parse_size("4g")
    assert limit is not None
    used = model_memory.of_server(536_870_912, 2) + Need((20 * MB,), 2).bytes
    for _ in range(2):
        need = Need((28 * MB,), 1)
        assert model_memory.refusal(need, used, limit) is None
        used += need.bytes


def test_a_refusal_has_the_figures_and_the_fix() -> None:
    need = Need((500 * MB,), 2)
    assert model_memory.refusal(need, 1000 * MB, 1000 * MB + need.bytes) is None
    told = model_memory.refusal(need, 1000 * MB, 2000 * MB)
    assert told is not None
    assert "needs about 2.4 GB (2 worker(s)), and 1.0 GB of 2.0 GB are taken. Raise TORCHSERVE_MEMORY" in told
    several = model_memory.refusal(Need((500 * MB, 500 * MB), 1), 0, 1)
    assert "1 worker(s) in 2 versions" in str(several)


def write(root: Path, **files: str) -> Path:
    for name, text in {"proc/meminfo": "MemTotal:        8000 kB\nMemFree: 1 kB\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8_192_000),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "4096000\n"}, 4_096_000),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 8_192_000),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": "3000\n",
                "sys/fs/cgroup/a/b/memory.max": "max",
            },
            3000,
        ),
        # Inside a container /proc names the host's group, which does not exist here.
        ({"proc/self/cgroup": "0::/docker/x\n", "sys/fs/cgroup/memory.max": "5000"}, 5000),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/x\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "6000\n",
            },
            6000,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            8_192_000,
        ),
    ],
)
def test_the_limit_is_the_tightest_of_the_cgroups_and_the_machine(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    assert model_memory.limit(write(tmp_path, **files)) == expected


def test_the_limit_of_this_machine_is_found(tmp_path: Path) -> None:
    assert 100 * MB < model_memory.limit() <= model_memory.machine()
    assert model_memory.machine(tmp_path) > 100 * MB, "without /proc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4g", 4 * 1024**3), ("512M", 512 * 1024**2), ("1.5gb", 3 * 1024**3 // 2), ("100", 100), ("0", None), ("", None)],
)
def test_sizes_are_read_as_compose_reads_them(text: str, expected: int | None) -> None:
    assert model_memory.parse_size(text) == expected
