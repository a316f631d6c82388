"""How much memory there is to use: what the machine has free, within what this process is allowed."""

import os
from pathlib import Path

UNKNOWN = 2**31
"""Where no system says anything."""
ROOT = Path("/")


def available_memory(root: Path = ROOT) -> int:
    """Bytes that this process can still take: what Linux says is free, elsewhere half of all there is.

    In a container or a job of a cluster the limit of its control group counts, and those of the groups around it; what
    the system only keeps of files can be taken back and counts as free.

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
    """What the control groups of this process leave, version 2; empty without a limit."""
    top = root / "sys/fs/cgroup"
    try:
        own = (root / "proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    except OSError:
        return []
    groups = [top / own, *(top / own).parents]
    left = [_left(group) for group in groups[: groups.index(top) + 1]]
    return [one for one in left if one is not None]


def _left(group: Path) -> int | None:
    try:
        limit = int((group / "memory.max").read_text())  # the word max is no limit
        used = int((group / "memory.current").read_text())
        return limit - used + int(_fields(group / "memory.stat").get("inactive_file", 0))
    except (OSError, ValueError):
        return None


def _fields(path: Path) -> dict[str, str]:
    """First and second word of each line."""
    return dict(line.split()[:2] for line in path.read_text().splitlines() if len(line.split()) > 1)
