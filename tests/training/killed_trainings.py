"""Trains again and again, and dies each time. Arguments: FOLDER EPOCHS NUMBER….

For each NUMBER there is a training into FOLDER/NUMBER.safetensors, in a process that kills itself with SIGKILL when it
is about to do its rename of that number (every file that a training writes is a rename).
"""

import os
import signal
import sys
from pathlib import Path

import torch

from explorer.training import resuming
from explorer.training.enforcement import Enforcement
from explorer.training.saving import train_to_file

OPTIONS = {"enforce": Enforcement(pairs="class"), "misclassify": 0.2, "seed": 3, "device": "cpu"}


def die_at(number):
    """Kill this process at its number-th rename; there is no way back, so only a child may call this."""
    seen = []

    def watch(event, arguments):
        if event == "os.rename":
            seen.append(arguments)
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main():
    """One child for each training, forked before torch has started any thread."""
    folder, subject, epochs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    resuming.SECONDS = 0.0
    for number in sys.argv[4:]:
        child = os.fork()
        if not child:
            die_at(int(number))
            train_to_file(subject, folder / f"{number}.safetensors", epochs=epochs, **OPTIONS)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(number, "killed" if is_killed else status)


if __name__ == "__main__":
    main()
