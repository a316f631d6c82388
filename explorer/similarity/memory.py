"""How much memory there is to use: what the machine has free, within what this process is allowed."""

import os
from collections.abc import Callable
from pathlib import Path

UNKNOWN = 2**31
"""Where no system says anything."""
ROOT = Path("/")


def available_memory(root: Path = ROOT) -> int:
    """Bytes that this process can still take: what Linux says is free, elsewhere half of all there is.

    In a container or a job of a cluster the limit of its control group counts, and those of the groups around it,
    whichever of the two versions the system has; what it only keeps of files can be taken back and counts as free.

    Args:
        root: where the system's own files lie.
    """
    return max(0, min([_of_machine(root), *_of_groups(root)]))


def _of_machine(root: Path) -> int:
    try:
        return 1024 * int(_fields(root / "proc/meminfo")["MemAvailable:"])
    except (OSError, KeyError, ValueError):
        known = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 if known else UNKNOWN


def _of_groups(root: Path) -> list[int]:
    """What the control groups of this process leave, of either version; empty without a limit."""
    try:
        lines = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return []
    left: list[int | None] = []
    for _, controllers, own in (line for line in lines if len(line) == 3):
        if not controllers:
            left += _around(root / "sys/fs/cgroup", own, _left)
        elif "memory" in controllers.split(","):
            left += _around(root / "sys/fs/cgroup/memory", own, _left_of_first)
    return [one for one in left if one is not None]


def _around(top: Path, own: str, left: Callable[[Path], int | None]) -> list[int | None]:
    """What a group and each group around it leave; in a container its own may be called as it is outside."""
    group = top / own.strip().lstrip("/")
    groups = [group, *group.parents]
    return [left(one) for one in groups[: groups.index(top) + 1]]


def _left(group: Path) -> int | None:
    return _difference(group, "memory.max", "memory.current", ("active_file", "inactive_file"))


def _left_of_first(group: Path) -> int | None:
    """As _left, of a group of version 1, in which no limit is a very large one."""
    kept = ("total_active_file", "total_inactive_file")
    return _difference(group, "memory.limit_in_bytes", "memory.usage_in_bytes", kept)


def _difference(group: Path, limit: str, usage: str, kept: tuple[str, str]) -> int | None:
    """Limit minus usage, plus files that are kept (files in memory alone, as of tmpfs, are none of these)."""
    try:
        most = int((group / limit).read_text())  # the word max is no limit
        used = int((group / usage).read_text())
        fields = _fields(group / "memory.stat")
        return most - used + sum(int(fields.get(name, 0)) for name in kept)
    except (OSError, ValueError):
        return None


def _fields(path: Path) -> dict[str, str]:
    """First and second word of each line."""
    return dict(line.split()[:2] for line in path.read_text().splitlines() if len(line.split()) > 1)
