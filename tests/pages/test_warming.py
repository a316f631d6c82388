"""What happens beside the start of the app."""

import socket
import subprocess
import sys

import pytest

from explorer.pages.warming import answer_at_once

GAPS = """
from pathlib import Path
from explorer.pages.warming import hand_memory_back

def resident():
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssAnon"))
    return int(line.split()[1]) // 1024

large, small = [], []
for _ in range(2000):
    large.append(bytes([1]) * 2**16)
    small.append(bytes([1]) * 600)
del large
before = resident()
hand_memory_back()
print(before - resident())
"""
"""Prints how many MiB went back of the 125 that lie, freed, between small things that are still needed."""


def test_what_is_accepted_by_a_listening_socket_sends_at_once():
    """Also where the socket was opened without naming TCP, for which asyncio leaves Nagle's algorithm on."""
    with socket.socket(socket.AF_INET) as server, socket.socket(socket.AF_INET) as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        untouchable = _Untouchable()
        answer_at_once()
        del untouchable
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # nobody else's


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is left to the system")
def test_memory_between_things_that_stay_goes_back():
    """Most of what was freed is no longer this process's; left alone, glibc would keep it."""
    found = subprocess.run([sys.executable, "-c", GAPS], capture_output=True, text=True, check=True)
    assert int(found.stdout) > 100


class _Untouchable:
    """Like a deprecated object of another library: nobody may ask it anything."""

    def __getattribute__(self, name: str):
        raise RuntimeError(f"asked for {name}")
