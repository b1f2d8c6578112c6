"""How many CPUs there are to use, and how they are shared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from yolo import cpus
from yolo.cpus import Plan


def machine(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    """A /proc and /sys with this cgroup membership and these cgroup files."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("count", "workers", "threads"),
    [(1, 1, 1), (2, 2, 2), (3, 2, 3), (4, 2, 4), (6, 2, 4), (7, 2, 4), (8, 2, 4), (10, 2, 5), (12, 3, 4), (64, 16, 4)],
)
def test_a_second_worker_fills_the_gaps_of_the_first(count: int, workers: int, threads: int) -> None:
    assert cpus.plan(cpus=count) == Plan(count, workers, threads)


@pytest.mark.parametrize("count", range(1, 130))
def test_no_cpu_is_left_over_whatever_their_number(count: int) -> None:
    shared = cpus.plan(cpus=count)
    assert count - shared.workers < shared.workers * shared.threads
    assert shared.threads <= min(count, 7)
    # Only on small machines is there more than one thread a CPU, and never more than the second worker's share.
    assert shared.workers * shared.threads <= max(count, min(2 * count, 8))


def test_what_the_operator_sets_is_kept_and_the_rest_follows() -> None:
    assert cpus.plan(workers=4, cpus=8) == Plan(8, 4, 2)
    assert cpus.plan(threads=3, cpus=8) == Plan(8, 2, 3)
    assert cpus.plan(workers=5, threads=7, cpus=2) == Plan(2, 5, 7)
    assert cpus.plan(workers=9, cpus=2) == Plan(2, 9, 1)
    assert cpus.plan(threads=9, cpus=2) == Plan(2, 1, 9)


def test_a_process_without_a_quota_has_its_affinity(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/\n", {"cpu.max": "max 100000\n"})
    assert cpus.quota(root) is None
    assert cpus.available(root) == len(os.sched_getaffinity(0))


def test_a_container_of_cgroup_v2_is_held_to_its_quota(tmp_path: Path) -> None:
    assert cpus.quota(machine(tmp_path, "0::/\n", {"cpu.max": "150000 100000\n"})) == 1.5


def test_the_tightest_quota_of_the_ancestors_counts(tmp_path: Path) -> None:
    files = {"cpu.max": "800000 100000", "a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}
    assert cpus.quota(machine(tmp_path, "0::/a/b\n", files)) == 3


def test_a_container_of_cgroup_v1_is_held_to_its_quota(tmp_path: Path) -> None:
    files = {"cpu,cpuacct/cpu.cfs_quota_us": "200000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}
    # The group named is the host's; inside the container only the mount point exists.
    root = machine(tmp_path, "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/x\n", files)
    assert cpus.quota(root) == 2


def test_cgroup_v1_says_unlimited_with_a_negative_quota(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert cpus.quota(machine(tmp_path, "1:cpu:/\n", files)) is None


def test_less_than_one_cpu_is_still_one_thread(tmp_path: Path) -> None:
    assert cpus.available(machine(tmp_path, "0::/\n", {"cpu.max": "20000 100000"})) == 1


def test_a_machine_without_cgroups_is_no_error(tmp_path: Path) -> None:
    assert cpus.quota(tmp_path) is None


def test_a_group_cannot_name_a_folder_outside_its_mount(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/../../secret\n", {"cpu.max": "100000 100000"})
    assert cpus.quota(root) == 1
