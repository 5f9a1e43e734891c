"""The real worker process with a stand-in for the fit: every job has one end, and no process is left."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from nextgenface.engine import client as client_module
from nextgenface.engine.client import WorkerProcess, WorkerStartError, wait_for_end
from nextgenface.engine.folders import TEMPORARY_PREFIX
from nextgenface.engine.protocol import (
    FINAL_EVENTS,
    PROTOCOL_VERSION,
    CheckEngine,
    Done,
    EngineStatus,
    Failed,
    JobCancelled,
    Preview,
    Progress,
    Ready,
    Result,
    StartJob,
    Warned,
    decode,
    encode,
)

STAND_IN = Path(__file__).resolve().parents[1] / "stand_in_engine.py"
ARGUMENTS = ["--work-function", f"{STAND_IN}:reconstruct"]
# Far more than anything here takes; reached only when something is broken.
PATIENCE = 30.0
posix = pytest.mark.skipif(os.name != "posix", reason="uses signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Temporary files of the worker go here, so that what is left can be seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def worker(tmp_path, scratch):
    made = WorkerProcess(Path(sys.executable), ARGUMENTS, log_folder=tmp_path / "logs", cancel_seconds=0.3)
    made.start()
    yield made
    made.close()
    assert not made.is_alive
    assert not [path for path in scratch.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]


@pytest.fixture
def job(tmp_path):
    """Start the job of a mode: ``job(worker, "hangs")``."""

    def start(worker, mode, **settings):
        photo = tmp_path / f"{mode}.png"
        photo.write_bytes(b"photo")
        return worker.start_job([photo], tmp_path / "out", settings)

    return start


def _until(worker, wanted):
    """Wait for the first message that ``wanted`` accepts; the messages up to it."""
    messages = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        message = worker.wait(PATIENCE)
        messages.append(message)
        if wanted(message):
            return messages
    raise AssertionError(f"not told: {messages}")


def _in_stage(message):
    return isinstance(message, Progress) and message.stage != "start"


def _finals(messages):
    return [message for message in messages if isinstance(message, FINAL_EVENTS)]


def _is_gone(pid):
    """True when the process has ended (a zombie of somebody else's counts as ended); waits for it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_good_job_tells_its_way_and_leaves_a_whole_result(worker, job, tmp_path):
    name = job(worker, "good")
    messages = wait_for_end(worker, name, PATIENCE)
    assert messages[0] == Ready(PROTOCOL_VERSION, "0.1.0", worker.pid, str(worker.log))
    assert [type(message) for message in _finals(messages)] == [Done]
    progress = [message for message in messages if isinstance(message, Progress)]
    assert [step.fraction for step in progress] == sorted(step.fraction for step in progress)
    assert [(step.stage, step.step) for step in progress if step.step == step.steps][-1] == ("stage3", 20)
    assert Warned(name, "This is the stand-in engine.") in messages
    picture = next(message for message in messages if isinstance(message, Preview))
    assert (picture.width, picture.height) == (24, 32)
    assert Path(picture.path).read_bytes().startswith(b"\x89PNG")
    result = Result.from_json(Path(messages[-1].result).read_text())
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {result.head, result.mesh, result.photos[0].light}
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("fails", "No face was found"),
        ("raises", "fault in the program (KeyError)"),
        ("exits", "fault in the program (SystemExit)"),
        ("memory", "ran out of memory"),
        ("full", "disk is full"),
    ],
)
def test_a_job_that_fails_is_told_with_a_remedy_and_the_worker_lives_on(worker, job, tmp_path, mode, said):
    name = job(worker, mode)
    final = wait_for_end(worker, name, PATIENCE)[-1]
    assert isinstance(final, Failed)
    assert said in final.message
    assert final.remedy
    assert final.log == str(worker.log)
    assert "Traceback" in worker.log.read_text()
    assert "Traceback" not in final.message + final.remedy
    assert not (tmp_path / "out").exists()
    assert isinstance(wait_for_end(worker, job(worker, "good"), PATIENCE)[-1], Done)


@posix
@pytest.mark.parametrize(
    ("mode", "said"), [("dies", "signal 9, SIGKILL"), ("leaves", "exit code 3"), ("segfaults", "signal 11, SIGSEGV")]
)
def test_a_worker_that_dies_is_told_as_a_failure_of_its_job(worker, job, tmp_path, mode, said):
    name = job(worker, mode)
    final = wait_for_end(worker, name, PATIENCE)[-1]
    assert isinstance(final, Failed)
    assert final.message == f"The engine ended unexpectedly ({said})."
    assert final.remedy
    assert Path(final.log) == worker.log
    assert not (tmp_path / "out").exists()


@posix
def test_a_crash_leaves_its_place_in_the_log(worker, job):
    wait_for_end(worker, job(worker, "segfaults"), PATIENCE)
    assert "stand_in_engine.py" in worker.log.read_text()


@posix
def test_what_a_dying_worker_had_half_written_is_removed(worker, job, tmp_path):
    assert isinstance(wait_for_end(worker, job(worker, "dies_writing"), PATIENCE)[-1], Failed)
    assert not (tmp_path / "out").exists()


def test_a_job_for_a_worker_that_has_ended_fails_at_once(worker, job):
    wait_for_end(worker, job(worker, "leaves"), PATIENCE)
    worker.close()
    name = job(worker, "good")
    assert [message.job for message in _finals(worker.drain())] == [name]


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_a_cancelled_job_ends_and_the_worker_lives_on(worker, job, tmp_path):
    name = job(worker, "slow")
    _until(worker, _in_stage)
    worker.cancel(name)
    assert wait_for_end(worker, name, PATIENCE)[-1] == JobCancelled(name)
    assert worker.is_alive
    assert not (tmp_path / "out").exists()
    assert isinstance(wait_for_end(worker, job(worker, "good"), PATIENCE)[-1], Done)


def test_an_error_after_a_cancel_is_the_cancel(worker, job):
    name = job(worker, "sulks")
    _until(worker, _in_stage)
    worker.cancel(name)
    assert wait_for_end(worker, name, PATIENCE)[-1] == JobCancelled(name)


@posix
def test_a_job_that_ignores_a_cancel_is_terminated_in_time(worker, job):
    name = job(worker, "hangs")
    _until(worker, _in_stage)
    begin = time.monotonic()
    worker.cancel(name)
    assert time.monotonic() - begin < 0.25, "waited for the worker"
    assert wait_for_end(worker, name, PATIENCE) == [JobCancelled(name)]
    # 0.3 s for the message, then the signal.
    assert 0.25 < time.monotonic() - begin < 2.0


@linux
def test_a_job_that_ignores_signals_too_is_killed_with_what_it_started(worker, job, monkeypatch):
    monkeypatch.setattr(client_module, "TERMINATE_SECONDS", 0.3)
    name = job(worker, "stuck")
    messages = _until(worker, lambda message: _in_stage(message))
    child = int(next(message for message in messages if isinstance(message, Warned)).message.split()[1])
    worker.cancel(name)
    assert wait_for_end(worker, name, PATIENCE) == [JobCancelled(name)]
    assert _is_gone(worker.pid)
    assert _is_gone(child)


def test_a_cancel_while_results_are_written_leaves_the_earlier_ones(worker, job, tmp_path):
    assert isinstance(wait_for_end(worker, job(worker, "good"), PATIENCE)[-1], Done)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    name = job(worker, "writing")
    _until(worker, _in_stage)
    worker.cancel(name)
    assert wait_for_end(worker, name, PATIENCE)[-1] == JobCancelled(name)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_cancel_at_any_moment_gives_one_end_and_all_or_nothing(worker, job, tmp_path):
    chance = random.Random(1)
    ends = set()
    for _ in range(25):
        name = job(worker, "good")
        threading.Timer(chance.uniform(0.0, 0.08), worker.cancel, [name]).start()
        finals = _finals(wait_for_end(worker, name, PATIENCE))
        assert [final.job for final in finals] == [name]
        ends.add(type(finals[0]))
        whole = (tmp_path / "out" / "result.json").exists()
        assert whole == isinstance(finals[0], Done)
        if whole:
            for path in (tmp_path / "out").iterdir():
                assert not path.name.startswith(".")
                path.unlink()
            (tmp_path / "out").rmdir()
        else:
            assert not (tmp_path / "out").exists()
    assert JobCancelled in ends


def test_a_cancel_of_another_job_does_nothing(worker, job):
    name = job(worker, "good")
    worker.cancel("another")
    assert isinstance(wait_for_end(worker, name, PATIENCE)[-1], Done)
    worker.cancel(name)
    assert isinstance(wait_for_end(worker, job(worker, "good"), PATIENCE)[-1], Done)


# --- no orphans -------------------------------------------------------------------------------------------------------


def _bare(tmp_path, *arguments, mode=None):
    """A worker without the client, its protocol on our pipes."""
    command = [sys.executable, str(client_module.WORKER_FILE), "--log", str(tmp_path / "log"), *ARGUMENTS, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert b'"ready"' in process.stdout.readline()
    if mode:
        photo = tmp_path / f"{mode}.png"
        photo.write_bytes(b"photo")
        request = StartJob("a", [str(photo)], str(tmp_path / "out"), {})
        process.stdin.write(encode(request).encode() + b"\n")
        process.stdin.flush()
        while b"stage" not in process.stdout.readline().replace(b'"stage": "start"', b""):
            pass
    return process


@pytest.mark.parametrize("mode", [None, "hangs", "slow", "writing"])
def test_the_end_of_standard_input_ends_the_worker_and_leaves_nothing(tmp_path, scratch, mode):
    process = _bare(tmp_path, mode=mode)
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "out").exists()


@posix
def test_the_friendly_signal_ends_it_and_leaves_nothing(tmp_path, scratch):
    process = _bare(tmp_path, mode="writing")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "out").exists()
    process.stdin.close()
    process.stdout.close()


def test_the_end_of_its_reader_ends_the_worker(tmp_path, scratch):
    process = _bare(tmp_path, mode="slow")
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    process.stdin.close()


def test_an_idle_worker_ends(tmp_path, scratch):
    process = _bare(tmp_path, "--idle-minutes", "0.001")
    assert process.wait(PATIENCE) == 0
    process.stdin.close()
    process.stdout.close()


PARENT = """
import sys, time
sys.path.insert(0, {tests!r})
import stand_in_engine
client = stand_in_engine.engine("client")
from pathlib import Path
worker = client.WorkerProcess(Path(sys.executable), {arguments!r}, log_folder=Path({logs!r}))
worker.start()
job = worker.start_job([Path({photo!r})], Path({output!r}), {{}})
while not getattr(worker.wait(60), "stage", "start") != "start":
    pass
print(worker.pid, flush=True)
time.sleep(600)
"""


@linux
@pytest.mark.parametrize("mode", ["slow", "stuck"])
def test_a_worker_does_not_outlive_a_killed_parent(tmp_path, scratch, mode):
    photo = tmp_path / f"{mode}.png"
    photo.write_bytes(b"photo")
    code = PARENT.format(
        tests=str(STAND_IN.parent),
        arguments=ARGUMENTS,
        logs=str(tmp_path),
        photo=str(photo),
        output=str(tmp_path / "o"),
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        assert _is_gone(pid)
    finally:
        # The stand-in's own child, which only the parent would have ended.
        with_group = Path(f"/proc/{pid}")
        if mode == "stuck" or with_group.exists():
            os.killpg(pid, signal.SIGKILL)


BETWEEN = """
import subprocess, sys
worker = subprocess.Popen([sys.executable, *sys.argv[2:]], stdin=int(sys.argv[1]), stdout=subprocess.PIPE)
worker.stdout.readline()
print(worker.pid, flush=True)
sys.stdin.read()
"""


@linux
def test_the_kernel_ends_a_worker_whose_input_somebody_else_holds_open(tmp_path, scratch):
    reading, writing = os.pipe()
    command = [str(client_module.WORKER_FILE), "--log", str(tmp_path / "log"), "--die-with-parent", *ARGUMENTS]
    parent = subprocess.Popen(
        [sys.executable, "-c", BETWEEN, str(reading), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[reading],
    )
    os.close(reading)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    try:
        assert _is_gone(pid)
    finally:
        os.close(writing)


# --- protocol ---------------------------------------------------------------------------------------------------------


def test_a_second_job_at_once_is_refused_with_its_own_end(worker, job):
    first = job(worker, "slow")
    _until(worker, _in_stage)
    second = job(worker, "good")
    refused = wait_for_end(worker, second, PATIENCE)[-1]
    assert isinstance(refused, Failed)
    assert refused.message == "A reconstruction is already running."
    assert worker.is_busy
    worker.cancel(first)
    assert wait_for_end(worker, first, PATIENCE)[-1] == JobCancelled(first)
    assert not worker.is_busy


@posix
def test_what_a_job_prints_goes_to_the_log_and_not_between_the_messages(worker, job):
    messages = wait_for_end(worker, job(worker, "prints"), PATIENCE)
    assert isinstance(messages[-1], Done)
    assert messages[-1].job != "forged"
    assert not [message for message in messages if isinstance(message, Failed)]
    text = worker.log.read_text()
    for printed in ("forged", "to the original stream", "descriptor 1", "descriptor 2", "from C", "from a child"):
        assert printed in text


@posix
def test_prints_do_not_disturb_the_messages_where_there_can_be_no_log(tmp_path, scratch):
    process = _bare(tmp_path, "--log", str(tmp_path / "missing" / "log"))
    photo = tmp_path / "prints.png"
    photo.write_bytes(b"photo")
    process.stdin.write(encode(StartJob("a", [str(photo)], str(tmp_path / "out"), {})).encode() + b"\n")
    process.stdin.flush()
    kinds = []
    while kinds[-1:] not in (["done"], ["failed"]):
        message = decode(process.stdout.readline().decode())
        kinds.append(message.kind)
    assert message.job == "a"
    assert kinds[-1] == "done"
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


def test_a_line_that_is_no_message_is_answered_and_survived(tmp_path, scratch):
    process = _bare(tmp_path)
    process.stdin.write(b"hello\n\n\xff\xfe\n" + encode(Ready()).encode() + b"\n")
    process.stdin.flush()
    for _ in range(3):
        assert b'"failed"' in process.stdout.readline()
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


@pytest.mark.parametrize(
    ("settings", "photos", "said"),
    [
        ({"sead": 1}, ["good.png"], "no setting named 'sead'"),
        ({}, ["missing.png"], "no photo"),
        ({}, [], "No photo was chosen"),
    ],
)
def test_a_request_that_cannot_be_met_is_told_before_anything_is_loaded(worker, tmp_path, settings, photos, said):
    (tmp_path / "good.png").write_bytes(b"photo")
    name = worker.start_job([tmp_path / photo for photo in photos], tmp_path / "out", settings)
    messages = wait_for_end(worker, name, PATIENCE)
    assert said in messages[-1].message
    assert not [message for message in messages if isinstance(message, Progress)]


def test_an_output_that_cannot_be_written_is_told_before_anything_is_loaded(worker, tmp_path):
    photo = tmp_path / "good.png"
    photo.write_bytes(b"photo")
    name = worker.start_job([photo], photo / "out", {})
    final = wait_for_end(worker, name, PATIENCE)[-1]
    assert isinstance(final, Failed)
    assert str(photo / "out") in final.message
    assert final.remedy


@linux
def test_a_disk_that_fills_up_during_the_job_is_told_and_left_empty(worker, tmp_path, request):
    disk = tmp_path / "disk"
    disk.mkdir()
    # The check before the job asks for room for three of the smallest maps and a photo.
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no rights to mount a file system")
    request.addfinalizer(lambda: subprocess.run(["umount", str(disk)], check=True))
    photo = tmp_path / "fills.png"
    photo.write_bytes(b"photo")
    name = worker.start_job([photo], disk / "out", {"texture_size": 256})
    final = wait_for_end(worker, name, PATIENCE)[-1]
    assert isinstance(final, Failed)
    assert "disk is full" in final.message
    assert list(disk.iterdir()) == []
    too_large = worker.start_job([photo], disk / "out", {"texture_size": 8192})
    assert "are needed" in wait_for_end(worker, too_large, PATIENCE)[-1].message
    assert list(disk.iterdir()) == []


def test_a_work_function_that_cannot_be_imported_is_told(tmp_path, scratch, job):
    with WorkerProcess(
        Path(sys.executable), ["--work-function", "no_such_package:run"], log_folder=tmp_path / "logs"
    ) as worker:
        final = wait_for_end(worker, job(worker, "good"), PATIENCE)[-1]
    assert "package of the engine is missing or broken (no_such_package)" in final.message


def test_the_engine_s_state_is_told_even_where_its_packages_are_missing(tmp_path, scratch):
    """Without site-packages: -S is what the wrapper adds."""
    if os.name != "posix":
        pytest.skip("a shell script stands in for Python")
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    import numpy

    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "numpy").symlink_to(Path(numpy.__file__).parent)
    libraries = Path(numpy.__file__).parents[1] / "numpy.libs"
    if libraries.exists():
        (packages / "numpy.libs").symlink_to(libraries)
    with WorkerProcess(bare, ["--packages", str(packages)], log_folder=tmp_path / "logs") as worker:
        worker.send(CheckEngine())
        status = _until(worker, lambda message: isinstance(message, EngineStatus | Failed))[-1]
    lines = {line["name"]: line for line in status.lines}
    assert not status.ok
    assert lines["numpy"]["ok"]
    assert not lines["torch"]["ok"]
    assert lines["torch"]["remedy"]


# --- the starter's side -----------------------------------------------------------------------------------------------


def test_a_python_that_is_not_there_is_told(tmp_path):
    worker = WorkerProcess(tmp_path / "no-python", log_folder=tmp_path / "logs")
    with pytest.raises(WorkerStartError) as caught:
        worker.start()
    assert "no-python" in caught.value.message
    assert caught.value.remedy
    assert not worker.is_alive


@posix
def test_a_python_that_does_not_start_the_worker_is_told_and_its_words_are_in_the_log(tmp_path, job):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 5\n")
    broken.chmod(0o755)
    with WorkerProcess(broken, log_folder=tmp_path / "logs") as worker:
        final = wait_for_end(worker, job(worker, "good"), PATIENCE)[-1]
    assert "exit code 5" in final.message
    assert "broken" in Path(final.log).read_text()


@posix
def test_an_engine_of_another_version_is_told(tmp_path, job):
    other = tmp_path / "python"
    line = encode(Ready(protocol=PROTOCOL_VERSION + 1)).replace('"', '\\"')
    other.write_text(f'#!/bin/sh\necho "{line}"\nread line\nread line\nread line\n')
    other.chmod(0o755)
    with WorkerProcess(other, log_folder=tmp_path / "logs") as worker:
        final = wait_for_end(worker, job(worker, "good"), PATIENCE)[-1]
    assert f"speaks version {PROTOCOL_VERSION + 1}" in final.message
    assert "Install" in final.remedy


def test_closing_during_a_job_ends_it_as_cancelled(worker, job):
    name = job(worker, "slow")
    _until(worker, _in_stage)
    worker.close()
    assert not worker.is_alive
    assert _finals(worker.drain()) == [JobCancelled(name)]


@posix
def test_closing_a_worker_that_ignores_everything_takes_no_longer_than_allowed(worker, job):
    job(worker, "stuck")
    _until(worker, _in_stage)
    os.kill(worker.pid, signal.SIGSTOP)
    begin = time.monotonic()
    worker.close(0.3)
    assert time.monotonic() - begin < 2.0
    assert not worker.is_alive


def test_the_worker_sees_no_packages_of_its_starter(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PYTHONHOME", "nowhere")
    cleaned = client_module.clean_environment(os.environ)
    assert "PYTHONPATH" not in cleaned
    assert "PYTHONHOME" not in cleaned
    assert cleaned["PYTHONNOUSERSITE"] == "1"


def test_a_full_pipe_does_not_block_the_starter(tmp_path, scratch):
    """A worker that reads nothing: what is sent waits in our queue."""
    if os.name != "posix":
        pytest.skip("a shell script stands in for Python")
    deaf = tmp_path / "python"
    deaf.write_text("#!/bin/sh\nexec sleep 600\n")
    deaf.chmod(0o755)
    worker = WorkerProcess(deaf, log_folder=tmp_path / "logs")
    worker.start()
    begin = time.monotonic()
    for _ in range(20):
        worker.send(StartJob("a" * 20_000))
    worker.cancel()
    assert worker.drain() == []
    worker.close(0.1)
    assert time.monotonic() - begin < 2.0
    assert not worker.is_alive
