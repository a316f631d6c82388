"""What the first visitor would otherwise wait for, done beside the start of the app. No streamlit."""

import ctypes
import gc
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from threading import Event, Thread
from typing import Any

from explorer.errors import ExplorerError
from explorer.pages.describing import describe_sample
from explorer.pages.library import library

SLOW_IMPORTS = ("plotly.graph_objects", "pyarrow.parquet", "explorer.views.charts")
"""What the pages need and takes tenths of a second to import."""

ARENA_MAX, MMAP_THRESHOLD = -8, -3
"""What glibc's mallopt calls its settings."""
ARENAS, OWN_PAGES_FROM = 2, 2**20
SECONDS_BETWEEN = 30.0
"""After so long memory is handed back again."""


@asynccontextmanager
async def warmed_up(app: Any) -> AsyncIterator[None]:
    """Begins when the server does, as st.App asks for it; the server does not wait for the end of warm_up."""
    is_over = Event()
    keep_memory_whole()
    Thread(target=hand_memory_back_until, args=[is_over], name="memory", daemon=True).start()
    answer_at_once()
    Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield
    is_over.set()


def keep_memory_whole() -> None:
    """Let unpacked pictures and points, a few MiB each, come and go without tearing the memory of others to pieces.

    Left alone, glibc learns from each to take the next one from an arena, of which it makes one a thread up to eight a
    core, and keeps what was freed there behind whatever small thing came after it. Elsewhere nothing is done.
    """
    if mallopt := _of_glibc("mallopt"):
        mallopt(ARENA_MAX, ARENAS)
        mallopt(MMAP_THRESHOLD, OWN_PAGES_FROM)


def hand_memory_back() -> None:
    """Let what has been freed go back to the system, also between things that are still there; 2 to 40 ms."""
    if trim := _of_glibc("malloc_trim"):
        trim(0)


def hand_memory_back_until(is_over: Event) -> None:
    """Now and then, until the server ends: twenty visitors would leave 5 MiB a minute in gaps."""
    while not is_over.wait(SECONDS_BETWEEN):
        hand_memory_back()


def answer_at_once() -> None:
    """Let what the server of this process sends leave at once.

    Streamlit opens its socket without naming TCP, so asyncio does not switch Nagle's algorithm off for it: an answer,
    which is written in two pieces, then waits 40 ms for the browser to acknowledge the first one. What is accepted
    from a listening socket inherits this setting.
    """
    for one in gc.get_objects():
        # its type, not isinstance: that asks the object, and some answer with a warning or an error
        if issubclass(type(one), socket.socket) and one.type == socket.SOCK_STREAM and _listens(one):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def warm_up() -> None:
    """Import what the pages need, and read and verify of the first study what a click on its map needs.

    What is wrong with the study is not told here: its page tells it.

    Cost: about 2 s and some 40 bytes for each number in the samples table, for a million samples.
    """
    for name in SLOW_IMPORTS:
        import_module(name)
    with suppress(ExplorerError):
        if first := library().first:
            describe_sample(library().open(first), row=0, k=1)
    # Streamlit looks for garbage among all objects after every run of a page, 90 ms each: what is here now stays.
    gc.freeze()


def _of_glibc(name: str) -> Any:
    """A function of the system's C library; None where it is not glibc's."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def _listens(one: socket.socket) -> bool:
    try:
        return one.family in (socket.AF_INET, socket.AF_INET6) and bool(
            one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        )
    except OSError:  # closed meanwhile
        return False
