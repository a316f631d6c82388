"""100 writers make 100 decisions each and die again and again. Arguments: FILE ACKNOWLEDGED SEED.

Four processes of 25 threads write decisions into FILE, each thread one after the other: writer w decides 100 times
about sample w. When a decision is acknowledged, that is when `decide` has returned, `w number batch` is appended to the
file ACKNOWLEDGED. Whenever another share of all is acknowledged, one of the processes is killed with SIGKILL, at
whatever it is doing, and started anew: its writers go on after the last decision that was acknowledged to them.
"""

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels

WRITERS, DECISIONS, PROCESSES, KILLS = 100, 100, 4, 12
GIVEN = GivenLabels(np.zeros(WRITERS, dtype=np.int64), 10)
FINGERPRINT = "writers"


def acknowledged(path):
    """(writer, number, batch) of every acknowledged decision."""
    return [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []


def count(path):
    """How many decisions are acknowledged."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def write(path, acknowledgements, process):
    """All that the writers of one process have left to do."""
    decisions = Decisions(path, GIVEN, FINGERPRINT)
    done = acknowledged(acknowledgements)
    file = os.open(acknowledgements, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def work(writer):
        first = sum(one == writer for one, _, _ in done)
        for number in range(first, DECISIONS):
            batch = decisions.decide([writer], "relabel", 1 + number % 9, note=str(number), who=f"writer {writer}")
            os.write(file, f"{writer} {number} {batch}\n".encode())

    threads = [threading.Thread(target=work, args=(one,)) for one in range(process, WRITERS, PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def start(path, acknowledgements, process):
    """The process that runs some of the writers."""
    child = os.fork()
    if not child:
        try:
            write(path, acknowledgements, process)
        finally:
            os._exit(0)
    return child


def main(path, acknowledgements, seed):
    """Run and kill; prints how many of the killed processes were still writing."""
    chance, killed = random.Random(seed), 0
    running = {process: start(path, acknowledgements, process) for process in range(PROCESSES)}
    for number in range(KILLS):
        while count(acknowledgements) < (number + 1) * WRITERS * DECISIONS // (KILLS + 1):
            time.sleep(0.01)
        time.sleep(0.02 * chance.random())
        running = {process: child for process, child in running.items() if os.waitpid(child, os.WNOHANG) == (0, 0)}
        victim = chance.choice(sorted(running))
        os.kill(running[victim], signal.SIGKILL)
        _, status = os.waitpid(running[victim], 0)
        killed += os.WIFSIGNALED(status)
        running[victim] = start(path, acknowledgements, victim)
    for child in running.values():
        os.waitpid(child, 0)
    print(killed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
