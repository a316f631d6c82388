"""Real Ray workers, two of them: the study is the serial one, whatever happens to them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import ray_outputs
import tiny
from folders import bytes_of, content_of
from torch import nn

from explorer.errors import EngineError, SettingsError, SubjectError
from explorer.pipeline import ray_engine
from explorer.pipeline.build import build
from explorer.pipeline.engines import engine_for
from explorer.records import Settings

ray = pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-ray.txt")

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = replace(tiny.SETTINGS, engine="ray")
ALONE = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "log_to_driver": False, "logging_level": "ERROR"}


@pytest.fixture(scope="module")
def workers():
    """Two workers, in a Ray of the caller's own."""
    for name, value in ray_engine.QUIET.items():
        os.environ.setdefault(name, value)
    handler = signal.getsignal(signal.SIGTERM)
    ray.init("local", num_cpus=2, **ALONE)
    yield
    ray.shutdown()
    signal.signal(signal.SIGTERM, handler)


def content_without_engine(folder):
    content = content_of(folder)
    del content["manifest.json"]["settings"]["engine"]
    return content


def interrupt_at(samples):
    """A watcher that interrupts the step features once so many samples are measured."""

    def watch(advance):
        if advance.step == "features" and advance.done >= samples:
            raise KeyboardInterrupt

    return watch


def test_the_study_is_bit_for_bit_the_serial_one(workers, tiny_study, tmp_path):
    build(tiny.subject(), tmp_path / "study", settings=SETTINGS)
    assert content_without_engine(tmp_path / "study") == content_without_engine(tiny_study.path)
    assert ray.is_initialized(), "a connection of the caller's own stays open"


@pytest.mark.parametrize(("first", "second"), [("ray", "serial"), ("serial", "ray")])
def test_what_one_engine_began_another_ends(workers, tiny_study, tmp_path, first, second):
    with pytest.raises(KeyboardInterrupt):
        settings = replace(tiny.SETTINGS, engine=first)
        build(tiny.subject(), tmp_path / "study", settings=settings, progress=interrupt_at(32))
    begun = bytes_of(tmp_path / "study" / "features.part")
    assert "0001/units.npy" in begun and not (tmp_path / "study" / "features").exists()
    build(tiny.subject(), tmp_path / "study", settings=replace(tiny.SETTINGS, engine=second))
    assert content_without_engine(tmp_path / "study") == content_without_engine(tiny_study.path)


def test_the_shard_of_a_killed_worker_is_measured_by_another(workers, tiny_study, tmp_path):
    marker = tmp_path / "died"
    subject = replace(tiny.subject(), outputs=ray_outputs.DiesOnce(marker=marker))
    build(subject, tmp_path / "study", settings=SETTINGS)
    assert marker.exists()
    assert content_without_engine(tmp_path / "study") == content_without_engine(tiny_study.path)


@pytest.mark.parametrize(
    ("outputs", "kind", "words"),
    [
        (ray_outputs.Refuses(), SubjectError, "^expected a kinder network, found this one. Be kind.$"),
        (ray_outputs.NeedsSpace(), EngineError, "^memory must suffice for one sample at a time, found"),
        (ray_outputs.DiesAlways(), EngineError, "^expected workers that stay alive, found"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_one_sentence_and_keeps_what_is_done(workers, tmp_path, outputs, kind, words):
    with pytest.raises(kind, match=words) as caught:
        build(replace(tiny.subject(), outputs=outputs), tmp_path / "study", settings=SETTINGS)
    assert type(caught.value) is kind and "\n" not in str(caught.value)
    told = json.loads((tmp_path / "study" / "progress.json").read_text())
    assert (told["state"], told["step"], told["message"]) == ("failed", "features", str(caught.value))


def test_a_worker_short_of_memory_takes_smaller_batches_and_says_so(workers, tmp_path):
    said = []
    subject = replace(tiny.subject(), outputs=ray_outputs.NeedsSpace(most=8))
    build(subject, tmp_path / "study", settings=SETTINGS, progress=lambda advance: said.append(advance.note))
    assert any("going on with 8 samples at once" in note for note in said)


def test_a_network_of_a_class_that_nobody_can_import_travels(workers, tiny_study, tmp_path):
    class Network(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, inputs):
            return self.inner(inputs)

    subject = tiny.subject()
    unknown = replace(subject, model=Network(subject.model), outputs=lambda model, inputs: model(inputs))
    study = build(unknown, tmp_path / "study", settings=SETTINGS)
    assert (study.rows("units") == tiny_study.rows("units")).all()


def test_a_subject_that_cannot_travel_is_one_sentence(workers, tmp_path):
    class Locked(list):
        lock = threading.Lock()

        def __getitem__(self, row):
            with self.lock:
                return super().__getitem__(row)

    subject = replace(tiny.subject(), dataset=Locked(tiny.subject().dataset))
    with pytest.raises(EngineError, match="expected a subject that can be sent .*lock") as caught:
        build(subject, tmp_path / "study", settings=SETTINGS)
    assert "\n" not in str(caught.value)


def test_waiting_for_what_the_cluster_does_not_have_is_told(workers, monkeypatch):
    monkeypatch.setattr(ray_engine, "PATIENCE_SECONDS", 0.2)

    def say(note):
        raise EngineError(note)

    with pytest.raises(EngineError, match="1 wait for one CPU and one GPU each, Ray has 2 CPUs .* and 0 GPUs"):
        list(ray_engine.ray_engine(gpus=1)(lambda shard, say: shard, [0], say))


def test_results_come_in_the_order_of_the_shards(workers, monkeypatch):
    monkeypatch.setattr(ray_engine, "AT_ONCE", 3)

    def work(shard, say):
        time.sleep(0.05 * (shard % 3 == 0))
        say(f"at {shard}")
        return 10 * shard

    notes = []
    assert list(ray_engine.ray_engine()(work, iter(range(8)), notes.append)) == [10 * shard for shard in range(8)]
    assert sorted(notes) == [f"at {shard}" for shard in range(8)]


@pytest.mark.parametrize(
    ("settings", "address", "kind", "words"),
    [
        (SETTINGS, "127.0.0.1:1", EngineError, "expected a Ray cluster at 127.0.0.1:1, found"),
        (SETTINGS, "nowhere.invalid:6379", EngineError, "expected a Ray cluster at nowhere.invalid:6379, found"),
        (SETTINGS, "ray://127.0.0.1:10001", SettingsError, "--address must be auto or HOST:PORT"),
        (SETTINGS, "6379", SettingsError, "--address must be auto or HOST:PORT"),
        (Settings(), "auto", SettingsError, "--address names a Ray cluster, found 'auto' with the engine serial"),
    ],
)
def test_an_address_where_nothing_answers_is_one_sentence(settings, address, kind, words):
    with pytest.raises(kind, match=words):
        engine_for(settings, address)


@pytest.fixture
def started(request):
    """Starts Python processes; what they leave behind, children of children included, is found by a mark."""
    mark = f"MARK_OF_A_TEST={os.getpid()}-{time.monotonic_ns()}"
    environment = dict([mark.split("=")], **os.environ, PYTHONPATH=f"{REPOSITORY}:{REPOSITORY / 'tests'}")
    running = []

    def start(*words):
        command = [sys.executable, *map(str, words)]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running.append(subprocess.Popen(command, env=environment, start_new_session=True, **piped))
        return running[-1]

    start.left = lambda: [number for number in map(int, filter(str.isdigit, os.listdir("/proc"))) if bears(number, mark)]
    yield start
    for one in running:
        one.terminate()
        one.communicate(timeout=30)
    for number in start.left():
        os.kill(number, signal.SIGKILL)


def bears(number, mark):
    """Whether a process was started with a mark in its environment and has not ended."""
    try:
        return mark.encode() in Path(f"/proc/{number}/environ").read_bytes()
    except OSError:
        return False


def is_measuring(number):
    """Whether a process is a Ray worker at work on our task, as it calls itself."""
    try:
        return b"ray::_run_here" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False


def wait_until(is_so, process, seconds=60):
    until = time.monotonic() + seconds
    while not is_so():
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.1)


OPTIONS = ["--dim", 24, "--neighbors", 10, "--calibration", 24, "--device", "cpu"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_an_interrupted_build_leaves_no_process_and_goes_on(started, said, tmp_path):
    """Ctrl-C reaches the whole group of processes, as from a terminal; Ray was started by the build."""
    words = ["build", f"{ray_outputs.__file__}:slow", "--study", tmp_path / "study", *OPTIONS]
    build = started("-m", "explorer", *words, "--engine", "ray")
    wait_until(lambda: any(is_measuring(number) for number in started.left()), build)
    os.killpg(build.pid, signal.SIGINT)
    out, err = build.communicate(timeout=30)
    assert (build.returncode, out, "Traceback" in err) == (130, "", False), err
    assert err.splitlines()[-1] == "interrupted: run the same command again to go on"
    assert started.left() == []
    assert said(*words, "--engine", "serial")[0] == 0


def test_a_running_cluster_is_joined_by_its_address(started, said, tmp_path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = ["--num-cpus", 2, "--port", port, "--node-ip-address", "127.0.0.1", "--include-dashboard", "false"]
    head = started("-m", "ray.scripts.scripts", "start", "--head", "--block", *words)
    wait_until(lambda: is_answering(port), head)
    words = ["build", f"{tiny.__file__}:subject", *OPTIONS, "--study"]
    assert said(*words, tmp_path / "serial")[0] == 0
    joined = started("-m", "explorer", *words, tmp_path / "ray", "--engine", "ray", "--address", f"127.0.0.1:{port}")
    out, err = joined.communicate(timeout=60)
    assert joined.returncode == 0, err
    assert content_without_engine(tmp_path / "ray") == content_without_engine(tmp_path / "serial")
    assert head.poll() is None, "a cluster that was joined is left running"


def is_answering(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
