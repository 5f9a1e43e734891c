"""Finding faces as a job of its own: a message for each photo, one end, cancel, and a worker that dies."""

from __future__ import annotations

import struct
import zlib

import pytest
from nextgenface.engine.protocol import Done, Failed, JobCancelled, PhotoSeen
from worker_process import in_stage, until, wait_for_end


def _png(path, width=64, height=48):
    """A grey picture."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes([128] * width) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def _seen(messages):
    return [message for message in messages if isinstance(message, PhotoSeen)]


def test_each_photo_is_told_and_a_bad_one_does_not_keep_the_others_from_it(worker, tmp_path):
    good, faceless = _png(tmp_path / "good.png"), _png(tmp_path / "fails.png", 32, 16)
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    job = worker.start_detection([good, faceless, broken], {"landmark_detector": "mediapipe"})
    assert worker.is_busy
    messages = wait_for_end(worker, job)
    assert isinstance(messages[-1], Done) and messages[-1].result == ""
    first, second, third = _seen(messages)
    assert [(seen.job, seen.index, seen.photo) for seen in (first, second, third)] == [
        (job, 0, str(good)),
        (job, 1, str(faceless)),
        (job, 2, str(broken)),
    ]
    assert (first.width, first.height, first.focal_35mm, len(first.points)) == (64, 48, 50.0, 2 * 478)
    assert (second.width, second.points, second.message) == (32, [], "No face was found in fails.png.")
    assert third.width == 0 and "no photo" in third.message and third.remedy
    assert not worker.is_busy


def test_a_detection_can_be_cancelled_and_leaves_the_worker_alive(worker, tmp_path):
    job = worker.start_detection([_png(tmp_path / "slow.png")], {})
    until(worker, in_stage)
    worker.cancel(job)
    assert wait_for_end(worker, job)[-1] == JobCancelled(job)
    assert worker.is_alive


@pytest.mark.parametrize("how", ["dies", "leaves"])
def test_a_worker_that_dies_while_it_looks_is_told(worker, tmp_path, how):
    job = worker.start_detection([_png(tmp_path / f"{how}.png")], {})
    final = wait_for_end(worker, job)[-1]
    assert isinstance(final, Failed) and "unexpectedly" in final.message


def test_wrong_settings_end_it(worker, tmp_path):
    job = worker.start_detection([_png(tmp_path / "good.png")], {"landmark_detector": "eye"})
    final = wait_for_end(worker, job)[-1]
    assert isinstance(final, Failed) and "landmark_detector" in final.message


def test_one_job_at_a_time(worker, tmp_path):
    job = worker.start_detection([_png(tmp_path / "slow.png")], {})
    until(worker, in_stage)
    second = worker.start_detection([_png(tmp_path / "good.png")], {})
    assert "already" in wait_for_end(worker, second)[-1].message
    worker.cancel(job)
    assert wait_for_end(worker, job)[-1] == JobCancelled(job)


def test_a_reconstruction_that_fails_with_a_photo_names_it(worker, tmp_path):
    photo = _png(tmp_path / "fails.png")
    job = worker.start_job([photo], tmp_path / "out", {})
    final = wait_for_end(worker, job)[-1]
    assert isinstance(final, Failed) and final.photo == str(photo)
    job = worker.start_job([_png(tmp_path / "raises.png")], tmp_path / "out", {})
    assert wait_for_end(worker, job)[-1].photo == ""
