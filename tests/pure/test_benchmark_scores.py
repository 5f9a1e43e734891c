"""The benchmark's scores as rows and tables, its folders, and fits that fail, on made-up files and the stand-in engine."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scoring import scorers, table
from scoring.cases import Benchmark, BenchmarkError
from scoring.fitting import FitError, Fitter
from scoring.results import look_up
from scoring.rows import Row, by_head, row_of, tone_line

TESTS = Path(__file__).resolve().parents[1]

SCORES = {
    "case": "ann_window",
    "head": "ann",
    "timing": {"seconds": 40.5, "started_seconds": None, "peak_memory_mb": 1500.0},
    "stage_seconds": {"stage1": 0.25, "stage2": 8.0},
    "engine_psnr_db": None,
    "geometry": {"scaled": {"median_mm": 0.9}, "metric": {"median_mm": 1.5}},
    "bundled_mean_face": {"scaled": {"median_mm": 1.2}},
    "albedo": {"rmse_linear": 0.05, "ita_gt_deg": 10.0, "ita_signed_deg": -4.0},
    "relit": {"psnr_db": 22.0, "covered": 0.5},
    "trivial": {
        "mean_face_scale": {"median_mm": 1.0},
        "photo_as_albedo": {"rmse_linear": 0.1, "ita_error_deg": 12.0},
        "constant_albedo": {"rmse_linear": 0.04, "ita_error_deg": 30.0},
        "constant_relit": {"psnr_db": 21.0},
    },
    "errors": {},
}


@pytest.fixture
def ground_truth(tmp_path):
    """Two heads in three cases."""
    for name, head in (("ann_1", "ann"), ("ann_2", "ann"), ("bob", "bob")):
        folder = tmp_path / "cases" / name
        folder.mkdir(parents=True)
        (folder / "photo.png").write_bytes(b"photo")
        (folder / "info.json").write_text(json.dumps({"identity": head}))
    for name in ("evaluate.py", "relight.py"):
        (tmp_path / name).write_text("")
    return Benchmark(tmp_path)


def test_a_row_takes_each_number_from_its_place():
    row = row_of(SCORES)
    assert (row.shape, row.shape_metric, row.benchmark_mean, row.bundled_mean) == (0.9, 1.5, 1.0, 1.2)
    assert (row.albedo, row.albedo_photo, row.albedo_constant) == (0.05, 0.1, 0.04)
    assert (row.ita_true, row.ita_error, row.ita_photo, row.ita_constant) == (10.0, -4.0, 12.0, 30.0)
    assert (row.relit, row.relit_constant, row.reproduction, row.engine) == (22.0, 21.0, None, None)
    assert (row.seconds, row.peak_memory_mb, row.stages) == (40.5, 1500.0, {"stage1": 0.25, "stage2": 8.0})


def test_the_shape_is_told_as_a_share_of_the_better_mean_face():
    assert row_of(SCORES).ratio == pytest.approx(0.9)
    assert replace(row_of(SCORES), bundled_mean=0.6).ratio == pytest.approx(1.5)
    assert Row("a", "a", shape=1.0).ratio is None


def test_an_albedo_beats_the_trivial_answers_only_where_it_beats_both():
    row = row_of(SCORES)
    assert row.albedo_beats is False
    assert replace(row, albedo=0.03).albedo_beats is True
    assert replace(row, albedo_photo=None).albedo_beats is None
    assert row.relit_beats is True
    assert replace(row, relit=20.0).relit_beats is False


def test_a_case_that_failed_is_a_row_without_numbers():
    row = row_of({"case": "a", "head": "a", "errors": {"fit": "No face was found."}})
    assert row.seconds is None
    assert row.shape is None
    assert "| a | - | - | - | - | - |" in table.case_table([row], table.SHAPE)


def test_the_tone_line_is_the_least_squares_line_of_fitted_against_true():
    # Fitted: 20, 5, -10; every tone is drawn halfway towards 20.
    rows = [Row("a", "a", ita_true=t, ita_error=e) for t, e in ((20.0, 0.0), (-10.0, 15.0), (-40.0, 30.0))]
    line = tone_line(rows)
    assert (line.slope, line.offset, line.correlation) == pytest.approx((0.5, 10.0, 1.0))
    assert "0.50 x true ITA +10.0" in "".join(table.sentences(rows))


def test_photos_of_one_tone_make_no_line():
    assert tone_line([]) is None
    assert tone_line([Row(name, name, ita_true=10.0, ita_error=3.0) for name in "ab"]) is None


def test_heads_count_once_however_many_photos_they_have():
    rows = [Row("a1", "a", shape=1.0), Row("a2", "a", shape=3.0), Row("b", "b", shape=8.0), Row("c", "c")]
    assert by_head(rows, lambda row: row.shape) == {"a": 2.0, "b": 8.0}


def test_the_worst_of_a_column_is_the_largest_error_the_lowest_quality_or_the_furthest_from_zero():
    rows = [
        Row("a", "a", albedo=0.02, reproduction=30.0, ita_error=5.0),
        Row("b", "b", albedo=0.04, reproduction=20.0, ita_error=-9.0),
    ]
    columns = (table.SKIN[0], table.LIGHT[0], table.SKIN[4])
    lines = table.case_table(rows, columns).splitlines()
    assert lines[-3:] == [
        "| median | 0.030 | 25.0 | -2.0 |",
        "| mean | 0.030 | 25.0 | -2.0 |",
        "| worst | 0.040 | 20.0 | -9.0 |",
    ]


def test_a_true_value_is_no_score_and_has_no_mean():
    rows = [Row("a", "a", ita_true=10.0)]
    assert table.case_table(rows, (table.SKIN[3],)).splitlines()[-1] == "| worst | - |"


def test_several_photos_stand_beside_the_same_photo_alone_and_not_in_the_means():
    alone = Row("a", "a", shape=2.0)
    together = Row("a", "a", photos=3, shape=1.0)
    text = table.report([alone, together])
    assert "| a of 3 | 1.00, 2.00 |" in text
    assert "| mean | 2.00 |" in text


def test_every_stage_that_any_case_has_is_a_column():
    rows = [Row("a", "a", stages={"stage1": 1.0}), Row("b", "b", stages={"stage1": 2.0, "write": 3.0})]
    columns = table.stage_columns(rows)
    assert [column.title for column in columns] == ["stage1", "write"]
    assert [columns[1].value(row) for row in rows] == [None, 3.0]


def test_names_are_cases_and_a_plus_puts_photos_of_one_person_together(ground_truth):
    assert [group.name for group in ground_truth.groups([])] == ["ann_1", "ann_2", "bob"]
    (group,) = ground_truth.groups(["ann_2+ann_1"])
    assert [case.photo.parent.name for case in group.cases] == ["ann_2", "ann_1"]
    assert group.cases[0].head == "ann"


def test_a_wrong_name_or_folder_is_told_with_what_is_there(ground_truth, tmp_path):
    with pytest.raises(BenchmarkError, match=r"no case 'eve'\. The cases are: ann_1, ann_2, bob"):
        ground_truth.groups(["ann_1+eve"])
    (tmp_path / "relight.py").unlink()
    with pytest.raises(BenchmarkError, match=r"no 'relight\.py'"):
        ground_truth.groups([])


def test_cases_of_one_head_share_a_digest_until_its_shape_changes(ground_truth):
    cases = [group.cases[0] for group in ground_truth.groups(["ann_1", "ann_2"])]
    for case in cases:
        for name in ("gt_mesh.ply", "gt_face_vertices.npy"):
            (case.folder / name).write_bytes(b"shape")
        (case.folder / "landmarks3d.json").write_text(json.dumps({"points": [[1, 2, 3]], "seen": case.name}))
    assert cases[0].shape_digest() == cases[1].shape_digest()
    (cases[1].folder / "gt_mesh.ply").write_bytes(b"another")
    assert cases[0].shape_digest() != cases[1].shape_digest()


def test_the_scorers_answer_is_the_last_object_that_it_prints(ground_truth):
    assert scorers.last_object('Warning\n{"a": 1}\n{"b": 2}\nbye\n') == {"b": 2}
    (ground_truth.folder / "evaluate.py").write_text("import sys; print('{\"said\": \"' + sys.argv[1] + '\"}')")
    assert scorers.evaluate(ground_truth, "albedo") == {"said": "albedo"}


def test_a_scorer_that_fails_is_told_with_its_last_words(ground_truth):
    (ground_truth.folder / "evaluate.py").write_text("raise SystemExit('no such mesh')")
    with pytest.raises(BenchmarkError, match=r"evaluate\.py ended with exit code 1: no such mesh"):
        scorers.evaluate(ground_truth, "geometry")
    (ground_truth.folder / "evaluate.py").write_text("print('done')")
    with pytest.raises(BenchmarkError, match="no JSON object, but: 'done'"):
        scorers.evaluate(ground_truth, "geometry")


def test_what_a_render_does_not_cover_counts_as_black(tmp_path):
    cv2 = pytest.importorskip("cv2")
    image = np.full((1, 3, 4), 200, np.uint8)
    image[0, :, 3] = 255, 51, 0
    cv2.imwrite(str(tmp_path / "in.png"), image)
    alpha = scorers.over_black(tmp_path / "in.png", tmp_path / "out.png")
    assert alpha[0].tolist() == [1.0, 0.2, 0.0]
    out = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(out[0, :, 0] / 65535 * 255, [200.0, 40.0, 0.0], atol=0.01)


def test_a_texture_is_looked_up_between_its_texels_and_held_at_its_border():
    texture = np.array([[[0.0], [1.0]], [[2.0], [3.0]]], np.float32)
    places = np.array([[0.25, 0.75], [0.5, 0.75], [0.25, 0.5], [0.0, 1.0], [1.0, 0.0]], np.float32)
    assert look_up(texture, places)[:, 0].tolist() == pytest.approx([0.0, 0.5, 1.0, 0.0, 3.0])


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Fit a photo with the stand-in engine, to which its name says what happens."""
    monkeypatch.setenv("NEXTGENFACE_WORK_FUNCTION", f"{TESTS / 'stand_in_engine.py'}:reconstruct")
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "state"))

    def made(name):
        (tmp_path / name).write_bytes(b"photo")
        return fitter.fit([tmp_path / name], tmp_path / "out")

    with Fitter(Path(sys.executable), {}, lambda stage: None) as fitter:
        yield made


def test_only_the_first_fit_of_a_worker_is_told_with_its_start(fit):
    first, second = fit("good.png"), fit("good.png")
    assert first.seconds is None
    assert first.started_seconds > 0
    assert second.started_seconds is None
    assert second.seconds > 0
    if sys.platform == "linux":
        assert 10 < second.peak_memory_mb < 1000


def test_a_fit_that_fails_says_why_and_the_next_one_goes_on_in_the_same_worker(fit):
    with pytest.raises(FitError, match=r"No face was found in 'fails\.png'"):
        fit("fails.png")
    assert fit("good.png").started_seconds is None


@pytest.mark.skipif(os.name != "posix", reason="uses signals")
def test_a_worker_that_dies_is_replaced(fit):
    with pytest.raises(FitError, match="ended unexpectedly"):
        fit("dies.png")
    assert fit("good.png").started_seconds is not None
