"""How many cores a process may use, by files that are made here."""

import pytest

from kd.runtime import hardware
from kd.runtime.hardware import cpu_count


@pytest.fixture
def cores(tmp_path, monkeypatch):
    """cpu_count() on a machine of 64 cores, by /proc/self/cgroup and the files of control groups."""
    quotas = hardware._quotas

    def of(own, **files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(hardware, "_quotas", lambda: quotas(tmp_path / "cgroup", tmp_path / "own"))
        return cpu_count()

    monkeypatch.setattr(hardware.os, "sched_getaffinity", lambda pid: range(64), raising=False)
    return of


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("5000 100000", 1),
        ("max 100000\n", 64),
        ("", 64),
        ("x y", 64),
    ],
)
def test_the_quota_of_a_container_counts(cores, text, count):
    assert cores("0::/\n", **{"cpu.max": text}) == count


def test_of_nested_groups_the_smallest_counts(cores):
    files = {
        "pod/cpu.max": "300000 100000",
        "pod/one/cpu.max": "max 100000",
        "other/cpu.max": "100000 100000",
    }
    assert cores("0::/pod/one\n", **files) == 3


@pytest.mark.parametrize(("quota", "count"), [("400000", 4), ("-1", 64)])
def test_of_version_1(cores, quota, count):
    own = "5:memory:/a\n4:cpu,cpuacct:/a\n1:name=systemd:/a\n"
    files = {"cpu,cpuacct/a/cpu.cfs_quota_us": quota, "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n"}
    assert cores(own, **files) == count


def test_a_machine_without_control_groups(cores, tmp_path):
    assert list(hardware._quotas(tmp_path / "none", tmp_path / "none")) == []
    assert cores("") == 64
