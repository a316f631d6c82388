"""Comparing folders byte by byte."""

import hashlib
import json

TIMES = ("seconds", "peak_memory_bytes", "created_at", "checksum")


def bytes_of(folder):
    """Checksum of every file, by its path inside the folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def content_of(study_folder):
    """Like bytes_of, with the manifest as values and without what may differ: times, memory and the study's name."""
    content = bytes_of(study_folder)
    manifest = json.loads((study_folder / "manifest.json").read_text())
    content["manifest.json"] = _timeless({**manifest, "name": ""})
    return content


def _timeless(value):
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in TIMES}
    return value
