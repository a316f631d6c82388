"""Real Ray workers, two of them: the study is the serial one, whatever happens to them."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest
import ray_outputs
import tiny
from folders import bytes_of, content_of
from torch import nn

from explorer.errors import EngineError, SettingsError, SubjectError
from explorer.pipeline import ray_engine
from explorer.pipeline.build import build
from explorer.pipeline.engines import check_engine
from explorer.pipeline.features import ShardMeasuring
from explorer.records import Settings

# A Ray of a test listens to whoever has its token. Ray looks for these when it is imported.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", token_hex())
ray = pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-ray.txt")

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 300
"""Beyond this a process hangs. A worker imports torch, half a minute of it where other programs want the cores."""
SETTINGS = replace(tiny.SETTINGS, engine="ray")


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
        check_engine(settings, address)


def test_where_ray_is_missing_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(ray_engine, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"found none\. Run `pip install -r requirements-ray\.txt`\."):
        check_engine(SETTINGS)


@contextmanager
def processes():
    """Starts Python processes; what they leave behind, children of children included, is found by a mark and ended."""
    mark = f"MARK_OF_A_TEST={os.getpid()}-{time.monotonic_ns()}"
    environment = dict([mark.split("=")], **os.environ, PYTHONPATH=f"{REPOSITORY}:{REPOSITORY / 'tests'}")
    running = []

    def start(*words, without=()):
        command = [sys.executable, *map(str, words)]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        own = {name: value for name, value in environment.items() if name not in without}
        running.append(subprocess.Popen(command, env=own, start_new_session=True, **piped))
        return running[-1]

    start.left = lambda: [
        number for number in map(int, filter(str.isdigit, os.listdir("/proc"))) if bears(number, mark)
    ]
    # A shell that runs tests in the background has them ignore Ctrl-C, and so would all that they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield start
    finally:
        signal.signal(signal.SIGINT, before)
        for one in running:
            one.terminate()
            one.communicate(timeout=PATIENCE_SECONDS)
        for number in start.left():
            os.kill(number, signal.SIGKILL)


@pytest.fixture
def started():
    with processes() as start:
        yield start


@pytest.fixture(scope="module")
def cluster():
    """The address of a Ray of two cores, in processes of its own."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    words = ["--num-cpus", 2, "--port", address.rpartition(":")[2], "--include-dashboard", "false", "--block"]
    with processes() as start:
        head = start("-m", "ray.scripts.scripts", "start", "--head", "--node-ip-address", "127.0.0.1", *words)
        wait_until(lambda: is_answering(address), head)
        yield address
        assert head.poll() is None, "a cluster that was joined is left running"


@pytest.fixture(scope="module")
def workers(cluster):
    """Two workers of a Ray that the calling program has connected."""
    with ray_engine._environment(ray_engine.QUIET):
        ray_engine._connect(cluster)
        yield
        ray.shutdown()


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

    def work(shard, say):
        return shard

    work.gpus = ShardMeasuring(tiny.subject(), None, replace(SETTINGS, device="cuda")).gpus
    with (
        ray_engine.ray_engine() as run,
        pytest.raises(
            EngineError, match="1 are at work or wait for one CPU and one GPU each; Ray has 2 CPUs .* and 0 GPUs"
        ),
    ):
        list(run(work, [0], say))


def test_results_come_in_the_order_of_the_shards(workers, monkeypatch):
    monkeypatch.setattr(ray_engine, "AT_ONCE", 3)

    def work(shard, say):
        time.sleep(0.05 * (shard % 3 == 0))
        say(f"at {shard}")
        return 10 * shard

    notes = []
    with ray_engine.ray_engine() as run:
        assert list(run(work, iter(range(8)), notes.append)) == [10 * shard for shard in range(8)]
    assert sorted(notes) == [f"at {shard}" for shard in range(8)]


@pytest.mark.parametrize(
    ("outputs", "kind", "words"),
    [
        (ray_outputs.Refuses(), SubjectError, "^expected a kinder network, found this one. Be kind.$"),
        (ray_outputs.NeedsSpace(), EngineError, "^memory must suffice for the step features, found"),
        (
            ray_outputs.DiesAlways(),
            EngineError,
            "^expected workers that stay alive, found that one died on the same shard 2 times",
        ),
    ],
)
def test_what_goes_wrong_in_a_worker_is_one_sentence_and_keeps_what_is_done(
    workers, monkeypatch, tmp_path, outputs, kind, words
):
    monkeypatch.setattr(ray_engine, "RETRIES", 1)
    with pytest.raises(kind, match=words) as caught:
        build(replace(tiny.subject(), outputs=outputs), tmp_path / "study", settings=replace(SETTINGS, shard_size=60))
    assert type(caught.value) is kind and "\n" not in str(caught.value)
    told = json.loads((tmp_path / "study" / "progress.json").read_text())
    assert (told["state"], told["step"], told["message"]) == ("failed", "features", str(caught.value))


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


def wait_until(is_so, process):
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.1)


OPTIONS = ["--dim", 24, "--neighbors", 10, "--calibration", 24, "--device", "cpu"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_an_interrupted_build_leaves_no_process_and_goes_on(started, tmp_path):
    """Ctrl-C reaches the whole group of processes, as from a terminal; Ray was started by the build."""
    words = ["build", f"{ray_outputs.__file__}:slow", "--study", tmp_path / "study", *OPTIONS]
    words, own = [*words, "--engine", "ray"], ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
    build = started("-m", "explorer", *words, without=own)
    wait_until(lambda: any(is_measuring(number) for number in started.left()), build)
    os.killpg(build.pid, signal.SIGINT)
    out, err = build.communicate(timeout=PATIENCE_SECONDS)
    assert (build.returncode, out, "Traceback" in err) == (130, "", False), err
    assert err.splitlines()[-1] == "interrupted: run the same command again to go on"
    assert started.left() == []
    again = started("-m", "explorer", *words, without=own)
    out, err = again.communicate(timeout=PATIENCE_SECONDS)
    assert (again.returncode, "complete" in out) == (0, True), err
    assert "projection" not in err, "what was done is kept"


def test_a_running_cluster_is_joined_by_its_address(cluster, started, said, tmp_path):
    words = ["build", f"{tiny.__file__}:subject", *OPTIONS, "--study"]
    assert said(*words, tmp_path / "serial")[0] == 0
    joined = started("-m", "explorer", *words, tmp_path / "ray", "--engine", "ray", "--address", cluster)
    out, err = joined.communicate(timeout=PATIENCE_SECONDS)
    assert joined.returncode == 0, err
    assert content_without_engine(tmp_path / "ray") == content_without_engine(tmp_path / "serial")


def guide(mark):
    """The commands of a machine in the guide to clusters, one after another."""
    text = (REPOSITORY / ".github" / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.S)
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    return [line.removeprefix(mark).strip() for line in lines if line.startswith(mark)]


def test_what_the_guide_says_to_one_machine_works(started, tmp_path):
    _, build = guide("$ ")
    done = started("-m", *shlex.split(build)[2:], "--limit", 200, "--study", tmp_path / "digits")
    out, err = done.communicate(timeout=PATIENCE_SECONDS)
    assert (done.returncode, "complete" in out) == (0, True), err


def test_what_the_guide_says_to_a_cluster_works(started, tmp_path):
    """The head's commands word for word, but for folders, port, and a Ray that ends with the test."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    changes = {"/shared/explorer": str(REPOSITORY), "/shared/studies": str(tmp_path), "HEAD": "127.0.0.1"}
    token, head, build = guide("head$ ")
    head += " --block --num-cpus 2 --node-ip-address 127.0.0.1"
    exported = token.partition("&&")[0]

    def typed(command):
        for word, own in {**changes, "6379": port}.items():
            command = command.replace(word, own)
        home = f"export HOME={tmp_path} PATH={Path(sys.executable).parent}:$PATH"
        code = f"import os; os.execvp('bash', ['bash', '-c', {f'{home} && {exported} && {command}'!r}])"
        return started("-c", code, without=("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"))

    made = typed(token.partition("&&")[2])
    assert made.communicate(timeout=PATIENCE_SECONDS) and made.returncode == 0
    running = typed(head)
    wait_until(lambda: is_answering(f"127.0.0.1:{port}"), running)
    done = typed(f"{build} --limit 200")
    out, err = done.communicate(timeout=PATIENCE_SECONDS)
    assert (done.returncode, "complete" in out) == (0, True), err


def is_answering(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True
