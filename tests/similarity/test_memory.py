"""Laws of how much memory there is: the least of what the machine has and of what any group allows."""

import pytest

from explorer.similarity.memory import available_memory

GIB = 2**30


@pytest.fixture
def machine(tmp_path):
    """Files as Linux shows them: 100 GiB free, and a process in a group inside a group."""
    group = tmp_path / "sys/fs/cgroup/jobs/17"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: {2**28} kB\nMemAvailable: {100 * 2**20} kB\nHugePages_Free: 0\n")
    (tmp_path / "proc/self/cgroup").write_text("0::/jobs/17\n")
    return tmp_path


def limit(group, most, used=0, kept=0, shared=0):
    """Let a group have a limit. Of kept files a quarter was used lately; files in memory alone are not kept."""
    (group / "memory.max").write_text(f"{most}\n")
    (group / "memory.current").write_text(f"{used}\n")
    told = {"anon": used - kept - shared, "file": kept + shared, "shmem": shared, "inactive_anon": used - kept}
    told |= {"inactive_file": kept - kept // 4, "active_file": kept // 4}
    (group / "memory.stat").write_text("".join(f"{name} {size}\n" for name, size in told.items()))


@pytest.fixture
def first(machine):
    """The group in which the same process is on a system with groups of version 1."""
    (machine / "proc/self/cgroup").write_text("5:cpu,cpuacct:/other\n4:memory:/jobs/17\n1:name=systemd:/jobs\n")
    group = machine / "sys/fs/cgroup/memory/jobs/17"
    group.mkdir(parents=True)
    return group


def limit_first(group, most, used=0, kept=0):
    """As limit, in a group of version 1."""
    (group / "memory.limit_in_bytes").write_text(f"{most}\n")
    (group / "memory.usage_in_bytes").write_text(f"{used}\n")
    own = "cache 0\ninactive_file 0\nactive_file 0\n"
    (group / "memory.stat").write_text(f"{own}total_inactive_file {kept - kept // 4}\ntotal_active_file {kept // 4}\n")


def test_without_a_limit_it_is_what_the_machine_has_free(machine):
    assert available_memory(machine) == 100 * GIB
    limit(machine / "sys/fs/cgroup/jobs/17", "max", used=GIB)
    assert available_memory(machine) == 100 * GIB


@pytest.mark.parametrize("place", ["jobs/17", "jobs", ""])
def test_a_limit_counts_wherever_it_is_set(machine, place):
    """Of the process's own group, of one around it, of the container as a whole."""
    limit(machine / "sys/fs/cgroup" / place, 8 * GIB, used=3 * GIB)
    assert available_memory(machine) == 5 * GIB


def test_files_that_the_system_keeps_are_free(machine):
    limit(machine / "sys/fs/cgroup/jobs/17", 8 * GIB, used=7 * GIB, kept=4 * GIB)
    assert available_memory(machine) == 5 * GIB


def test_files_in_memory_alone_are_not_free(machine):
    """Nowhere to write them to: what lies in /dev/shm stays taken."""
    limit(machine / "sys/fs/cgroup/jobs/17", 8 * GIB, used=7 * GIB, kept=2 * GIB, shared=3 * GIB)
    assert available_memory(machine) == 3 * GIB


@pytest.mark.parametrize("place", ["jobs/17", "jobs", "."])
def test_a_limit_of_the_first_version_counts_wherever_it_is_set(machine, first, place):
    """As in version 2, with files that the system keeps for this group and those inside it."""
    limit_first(machine / "sys/fs/cgroup/memory" / place, 8 * GIB, used=7 * GIB, kept=4 * GIB)
    assert available_memory(machine) == 5 * GIB


def test_in_a_container_of_the_first_version_the_limit_lies_at_the_top(machine, first):
    """It sees its own group there, while its name is that of the machine outside."""
    first.rmdir()
    first.parent.rmdir()
    limit_first(machine / "sys/fs/cgroup/memory", 8 * GIB, used=3 * GIB)
    assert available_memory(machine) == 5 * GIB


def test_no_limit_of_the_first_version_is_a_very_large_one(machine, first):
    limit_first(first, 2**63 - 4096, used=GIB)
    assert available_memory(machine) == 100 * GIB


def test_a_group_that_is_full_leaves_nothing(machine):
    limit(machine / "sys/fs/cgroup/jobs/17", GIB, used=GIB + 5)
    assert available_memory(machine) == 0


def test_a_wide_limit_does_not_add_to_what_is_free(machine):
    limit(machine / "sys/fs/cgroup/jobs/17", 500 * GIB)
    assert available_memory(machine) == 100 * GIB


def test_this_machine_has_less_than_it_has_free_for_all(machine):
    """The real files: never more than the machine's own number."""
    from pathlib import Path

    whole = next(one for one in Path("/proc/meminfo").read_text().splitlines() if one.startswith("MemTotal"))
    assert 0 < available_memory() <= 1024 * int(whole.split()[1])
