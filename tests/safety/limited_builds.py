"""Builds the tiny subject on a disk that is full, or that goes away. Arguments: FOLDER NAME….

NAME is `first-BYTES-STEP`: a build in a process that can write no file beyond so many bytes once STEP has begun, which
is what a full disk looks like from inside; `redo-BYTES-STEP`: the same, of a finished study that is in place and whose
STEP is made anew; or `first-gone-STEP`: the folder is removed when STEP begins. NAME.json tells how each ended.
"""

import json
import os
import resource
import shutil
import sys
from pathlib import Path

import tiny

from explorer.errors import ExplorerError
from explorer.pipeline.build import build


def child(folder: Path, name: str) -> str:
    """How one build ends: the name of its error and what it says."""
    begun, how, step = name.split("-")

    def watch(advance):
        if advance.step == step and not advance.is_finished:
            if how == "gone":
                shutil.rmtree(folder)
            else:
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(how), resource.RLIM_INFINITY))

    try:
        redo = {"redo": step} if begun == "redo" else {"settings": tiny.SETTINGS}
        build(tiny.subject(), folder, progress=watch, **redo)
    except ExplorerError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "no error"


if __name__ == "__main__":
    for name in sys.argv[2:]:
        folder = Path(sys.argv[1]) / name
        process = os.fork()  # before torch has started any thread
        if not process:
            try:
                Path(f"{folder}.json").write_text(json.dumps(child(folder, name)))
            finally:
                os._exit(0)
        os.waitpid(process, 0)
