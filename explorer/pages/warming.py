"""What the first visitor would otherwise wait for, done beside the start of the app. No streamlit."""

import ctypes
import gc
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from threading import Thread
from typing import Any

from explorer.errors import ExplorerError
from explorer.pages.describing import describe_sample
from explorer.pages.library import library

SLOW_IMPORTS = ("plotly.graph_objects", "pyarrow.parquet", "explorer.views.charts")
"""What the pages need and takes tenths of a second to import."""

ARENA_MAX, MMAP_THRESHOLD = -8, -3
"""What glibc's mallopt calls its settings."""
ARENAS, OWN_PAGES_FROM = 2, 2**20


@asynccontextmanager
async def warmed_up(app: Any) -> AsyncIterator[None]:
    """Begins when the server does, as st.App asks for it; the server does not wait for the end of warm_up."""
    hand_memory_back()
    answer_at_once()
    Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield


def hand_memory_back() -> None:
    """Let what is freed go back to the system: unpacked pictures and points come and go, a few MiB at a time.

    Left alone, glibc learns from each to take the next one from an arena, of which it makes one a thread up to eight a
    core, and keeps what was freed there behind whatever small thing came after it. Elsewhere nothing is done.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(ARENA_MAX, ARENAS)
        mallopt(MMAP_THRESHOLD, OWN_PAGES_FROM)


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


def _listens(one: socket.socket) -> bool:
    try:
        return one.family in (socket.AF_INET, socket.AF_INET6) and bool(
            one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        )
    except OSError:  # closed meanwhile
        return False
