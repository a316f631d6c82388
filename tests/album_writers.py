"""Saves and moves views without end, until it is killed. Argument: FILE. Prints each that was acknowledged."""

import sys
from pathlib import Path

from explorer.study.album import Album


def main():
    """Write until the end."""
    album = Album(Path(sys.argv[1]), 100, "writers")
    while True:
        view = album.save(name="one", page="map", sample=7, place=(0.5, -1.25, 30.0))
        album.change(view.id, name=f"view {view.id}", note="x" * 3000)
        album.move(view.id, 0)
        if view.id % 3 == 0:
            album.remove(view.id)
        print(view.id, flush=True)


if __name__ == "__main__":
    main()
