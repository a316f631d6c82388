"""Builds the tiny subject again and again, and dies each time. Arguments: FOLDER STEP:NUMBER….

For each STEP:NUMBER there is a build of FOLDER/STEP:NUMBER, in a process that kills itself with SIGKILL when it is
about to do its rename of that number (every change of state of a study is a rename). STEP is made anew with --redo,
unless it is `first`. Renames of the progress file do not count, since how many there are depends on the time.
"""

import os
import signal
import sys
from pathlib import Path

import tiny

from explorer.pipeline.build import build


def die_at(number):
    """Kill this process at its number-th rename; there is no way back, so only a child may call this."""
    seen = []

    def watch(event, arguments):
        if event == "os.rename" and not str(arguments[1]).endswith("progress.json"):
            seen.append(arguments)
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main():
    """One child for each build, forked before torch has started any thread."""
    for name in sys.argv[2:]:
        step, number = name.split(":")
        child = os.fork()
        if not child:
            die_at(int(number))
            redo = None if step == "first" else step
            build(tiny.subject(), Path(sys.argv[1]) / name, settings=tiny.SETTINGS, redo=redo)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(name, "killed" if is_killed else status)


if __name__ == "__main__":
    main()
