"""Which stages are run, taken from a checkpoint or left out, and how the shell and the worker's messages say it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from nextgenface.engine import stages
from nextgenface.engine.cli import main
from nextgenface.engine.command_run import OK, WRONG_USE
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.protocol import Failed, Warned
from nextgenface.engine.stages import Source, Stages
from worker_process import wait_for_end

TESTS = Path(__file__).resolve().parents[1]
LETTERS = {"r": Source.RUN, "c": Source.CHECKPOINT, "s": Source.START}


@pytest.mark.parametrize(
    ("skip", "reached", "expected"),
    [
        # Without a checkpoint a stage that is skipped leaves what it starts from.
        ((), 0, "rrr"),
        ((3,), 0, "rrs"),
        ((1, 2), 0, "ssr"),
        ((1, 2, 3), 0, "sss"),
        # A checkpoint alone: go on behind it.
        ((), 1, "crr"),
        ((), 2, "ccr"),
        ((), 3, "ccc"),
        # The reference's way: name what is skipped.
        ((1, 2), 2, "ccr"),
        ((1,), 2, "crr"),
        ((1, 2), 3, "ccr"),
        ((1, 2), 1, "csr"),
        # Skipped stages that the checkpoint does not hold say nothing of those that it holds.
        ((3,), 2, "ccs"),
        ((2, 3), 1, "css"),
    ],
)
def test_where_each_stage_comes_from(skip, reached, expected):
    assert Stages(frozenset(skip)).sources(reached) == tuple(LETTERS[letter] for letter in expected)


@pytest.mark.parametrize(("skip", "reached", "first"), [((2,), 2, 1), ((2, 3), 3, 1), ((1, 3), 3, 2), ((3,), 3, 1)])
def test_a_stage_is_not_run_below_one_that_comes_from_the_checkpoint(skip, reached, first):
    with pytest.raises(SettingsError, match=f"Stage {first} cannot be run before stage {max(skip)}") as caught:
        Stages(frozenset(skip)).sources(reached)
    assert f"Skip stage {first} too" in caught.value.remedy


@pytest.mark.parametrize("skip", [[0], [4], [-1], ["1"], [True], [1.0], [None]])
def test_what_is_no_stage_is_refused(skip):
    with pytest.raises(SettingsError, match="stage"):
        Stages.of_request("", skip)


def _options(*arguments: str) -> Stages:
    parser = argparse.ArgumentParser()
    stages.add_options(parser)
    return stages.of_options(parser.parse_args(arguments), 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--skipStage1", "--skipStage3"),
        ("--skip-stage1", "--skip-stage3"),
        ("--skip-stage", "3", "--skip-stage", "1"),
        ("--skip-stage", "3", "--skipStage1", "--skipStage1"),
    ],
)
def test_all_spellings_mean_the_same(arguments):
    assert _options(*arguments) == Stages(frozenset({1, 3}))


def test_a_checkpoint_s_path_does_not_depend_on_the_worker_s_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _options("--checkpoint", "a.npz").checkpoint == tmp_path / "a.npz"
    assert _options() == Stages()


# --- to the worker ----------------------------------------------------------------------------------------------------


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_WORK_FUNCTION", f"{TESTS / 'stand_in_engine.py'}:reconstruct")
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    photos = [tmp_path / "a.png", tmp_path / "b.png"]
    for photo in photos:
        photo.write_bytes(b"photo")
    return [str(photo) for photo in photos]


def test_the_shell_s_stages_reach_the_fit(tmp_path, surroundings, capsys):
    arguments = ["--checkpoint", str(tmp_path / "stage2_output.npz"), "--skipStage1", "--skip-stage", "2"]
    assert main(["-i", surroundings[0], "-o", str(tmp_path / "out"), *arguments]) == OK
    assert f"Note: Skipped [1, 2], checkpoint {tmp_path / 'stage2_output.npz'}." in capsys.readouterr().err


def test_a_checkpoint_is_of_one_person(tmp_path, surroundings, capsys):
    arguments = ["-i", *surroundings, "-o", str(tmp_path / "out"), "--checkpoint", "a.npz"]
    assert main(arguments) == WRONG_USE
    assert "belongs to one person" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--shared-identity"]) == OK


def test_several_people_may_skip_a_stage(tmp_path, surroundings, capsys):
    assert main(["-i", *surroundings, "-o", str(tmp_path / "out"), "--skipStage3"]) == OK
    assert capsys.readouterr().err.count("Skipped [3]") == 2


def test_an_unknown_stage_is_wrong_use(tmp_path, surroundings, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["-i", surroundings[0], "-o", str(tmp_path / "out"), "--skip-stage", "4"])
    assert ended.value.code == WRONG_USE


def test_a_job_s_stages_reach_the_fit(worker, tmp_path):
    photo = tmp_path / "good.png"
    photo.write_bytes(b"photo")
    name = worker.start_job([photo], tmp_path / "out", {}, checkpoint=tmp_path / "c.npz", skip={2, 1})
    told = [message for message in wait_for_end(worker, name) if isinstance(message, Warned)]
    assert f"Skipped [1, 2], checkpoint {tmp_path / 'c.npz'}." in [message.message for message in told]


def test_a_job_with_a_stage_that_is_none_fails_before_any_work(worker, tmp_path):
    photo = tmp_path / "good.png"
    photo.write_bytes(b"photo")
    final = wait_for_end(worker, worker.start_job([photo], tmp_path / "out", {}, skip=[7]))[-1]
    assert isinstance(final, Failed)
    assert final.message == "There is no stage 7."
    assert not (tmp_path / "out").exists()
