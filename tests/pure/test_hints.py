"""Points placed by hand: their file, their way into the detected points, and what stage 1 makes of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.hints import PhotoHints, PlacedPoint, read_hints

GIVEN = {"detector": "mediapipe", "points": {"61": [0.25, 0.5], "13": [0.5, 1.2, 0.4]}, "focal_length_mm": 85}


def test_a_file_of_points(tmp_path):
    file = tmp_path / "points.json"
    file.write_text(json.dumps(GIVEN))
    none, hints = read_hints(["-", file], 2)
    assert not none
    assert hints == PhotoHints(points={61: PlacedPoint(0.25, 0.5), 13: PlacedPoint(0.5, 1.2, 0.4)}, focal_length_mm=85)
    assert PhotoHints.from_dict(hints.to_dict()) == hints
    assert PhotoHints().to_dict() == {} and PhotoHints.from_dict({}) == PhotoHints()
    assert read_hints([], 3) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"points": {"478": [0, 0]}}, "478"),
        ({"detector": "fan", "points": {"68": [0, 0]}}, "68"),
        ({"points": {"-1": [0, 0]}}, "-1"),
        ({"points": {"1": [0]}}, "'1'"),
        ({"points": {"1": [0, 7.0]}}, "'1'"),
        ({"points": {"1": [0, float("nan")]}}, "'1'"),
        ({"points": {"1": ["0", True]}}, "'1'"),
        ({"points": {"1": [0, 0, 0]}}, "sureness"),
        ({"points": [1]}, "mapping"),
        ({"detector": "eye"}, "eye"),
        ({"focal_length_mm": -1}, "-1"),
        ({"pionts": {}}, "no points"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, change, word):
    file = tmp_path / "points.json"
    file.write_text(json.dumps(GIVEN | change))
    with pytest.raises(SettingsError, match=word) as caught:
        read_hints([file], 1)
    assert "points.json" in caught.value.message and caught.value.remedy


def test_files_that_cannot_be_read_or_are_too_few_are_told(tmp_path):
    (tmp_path / "a.json").write_text("{")
    for name in ("a.json", "b.json"):
        with pytest.raises(SettingsError, match=name):
            read_hints([tmp_path / name], 1)
    with pytest.raises(SettingsError, match="1 of 2 photos"):
        read_hints(["-"], 2)


def _found():
    pytest.importorskip("cv2")
    from nextgenface.engine.landmarks.detector import DetectedFace

    points = np.random.default_rng(0).uniform(0, 100, (478, 3)).astype(np.float32)
    return DetectedFace(points, np.zeros(478, np.float32))


class Told:
    """A reporter that keeps the warnings."""

    def __init__(self):
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)


def test_placed_points_take_the_place_of_those_that_were_found():
    from nextgenface.engine.landmarks.by_hand import corrected

    face, told = _found(), Told()
    placed = corrected(face, PhotoHints.from_dict(GIVEN), 640, 480, told)
    np.testing.assert_allclose(placed.points[[61, 13], :2], [[160, 240], [320, 576]])
    others = np.setdiff1d(np.arange(478), [61, 13])
    np.testing.assert_array_equal(placed.points[others], face.points[others])
    np.testing.assert_allclose(placed.sureness[[61, 13]], [1.0, 0.4])
    assert not placed.sureness[others].any() and not told.warnings
    assert (face.placed, placed.placed) == (0, 2)
    assert corrected(face, PhotoHints(), 640, 480, told) is face


def test_points_of_another_detector_are_left_out_and_told():
    from nextgenface.engine.landmarks.by_hand import corrected

    face, told = _found(), Told()
    hints = PhotoHints("fan", {3: PlacedPoint(0.5, 0.5)})
    assert corrected(face, hints, 640, 480, told) is face
    assert "'fan'" in told.warnings[0]


# --- stage 1 ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def misplaced():
    """The small model with what a perfect detector sees of it, and the same with a group of points led astray."""
    pytest.importorskip("cv2")
    pytest.importorskip("scipy")
    import face_models
    from nextgenface.engine.fit.landmark_rows import EmbeddedModel
    from perfect_detector import a_pose, observe

    model = face_models.small_model()
    identity = np.random.default_rng(5).normal(size=6)
    right = observe(model, identity, np.array([0.3, 0.1]), a_pose())
    embedded = EmbeddedModel.of(model, "mediapipe")
    centre = np.array([0.0, -40.0, 70.0])
    near = np.linalg.norm(embedded.mean - centre, axis=1) < 45.0
    group = embedded.embedding.index[near & ~embedded.embedding.contour]
    assert 10 <= len(group) < 60
    points = right.points.copy()
    points[group, :2] += [20.0, 12.0]
    return model, right, replace(right, points=points), group


def _fit(model, seen):
    from nextgenface.engine.fit.stage1 import fit_landmarks
    from nextgenface.engine.reporter import SilentReporter
    from nextgenface.engine.settings import Settings

    return fit_landmarks(model, [seen], Settings(), SilentReporter())


def _placed(seen, right, group, sureness=1.0):
    """``seen`` with the points of ``group`` put where they belong."""
    points, sure = seen.points.copy(), np.zeros(len(seen.points), np.float32)
    points[group, :2], sure[group] = right.points[group, :2], sureness
    return replace(seen, points=points, sureness=sure)


def test_correcting_misplaced_points_gives_the_fit_of_the_right_ones(misplaced):
    model, right, wrong, group = misplaced
    truth, misled, corrected = (_fit(model, seen) for seen in (right, wrong, _placed(wrong, right, group)))
    away = [np.linalg.norm(fit.identity - truth.identity) for fit in (misled, corrected)]
    assert away[1] < 0.2 * away[0]
    pixels = [np.abs(fit.photos[0].points - truth.photos[0].points).max() for fit in (misled, corrected)]
    assert pixels[1] < 1.0 < pixels[0]


def test_what_a_person_places_outweighs_what_was_detected(misplaced):
    """Every third point of the group was corrected: the head follows these and not the many others."""
    model, right, wrong, group = misplaced
    some = group[::3]
    placed, believed = _placed(wrong, right, some), _placed(wrong, right, some, 0.0)
    place = np.isin(model.landmarks["mediapipe"].index, some)

    def error(seen):
        gap = _fit(model, seen).photos[0].points[place] - right.points[some, :2]
        return np.linalg.norm(gap, axis=1).mean()

    assert error(placed) < 0.5 * error(believed)


def test_habits_do_not_apply_to_placed_points_and_their_depth_is_not_believed(misplaced):
    from nextgenface.engine.fit.landmark_rows import Deviations, EmbeddedModel, PhotoProblem
    from nextgenface.engine.landmarks.habits import Errors

    model, right, wrong, group = misplaced
    embedded = EmbeddedModel.of(model, "mediapipe")
    problem = PhotoProblem.of(embedded, _placed(wrong, right, group), Deviations())
    plain = PhotoProblem.of(embedded, right, Deviations())
    rows = np.isin(embedded.embedding.index, group)
    assert not problem.depth_weight[rows].any() and plain.depth_weight[rows].all()
    np.testing.assert_array_equal(problem.depth_weight[~rows], plain.depth_weight[~rows])
    errors = Errors(np.ones((len(rows), 3)), np.ones((len(rows), 3, 2))).of_shares(1.0 - problem.sureness)
    assert not errors.mean[rows].any() and not errors.by_coefficients[rows].any()
    assert errors.mean[~rows].all()


def test_derivatives_with_placed_points_are_those_of_the_loss(misplaced):
    from nextgenface.engine.fit.landmark_rows import Deviations, EmbeddedModel, PhotoProblem
    from perfect_detector import a_pose

    model, right, wrong, group = misplaced
    rng = np.random.default_rng(1)
    coefficients, pose, step = rng.normal(size=8) * 0.3, a_pose(seed=2), 1e-6
    seen = _placed(wrong, right, group, 0.7)
    problem = PhotoProblem.of(EmbeddedModel.of(model, "mediapipe"), seen, Deviations()).reweighted(coefficients, pose)
    rows = problem.rows(coefficients, pose)
    gradient = 2.0 * rows.by_coefficients.T @ rows.residual
    moves = step * np.eye(8)
    slope = [problem.loss(coefficients + m, pose) - problem.loss(coefficients - m, pose) for m in moves]
    np.testing.assert_allclose(gradient, np.array(slope) / (2 * step), rtol=1e-4, atol=1e-3 * np.abs(gradient).max())


def test_a_focal_length_of_the_photo_goes_before_the_settings():
    pytest.importorskip("cv2")
    from pathlib import Path

    from nextgenface.engine.fit.observations import observe
    from nextgenface.engine.photos.reading import Photo
    from nextgenface.engine.settings import Settings

    photo, settings = Photo(Path("a.png"), np.zeros((48, 64, 3), np.uint8)), Settings(focal_length_mm=35.0)
    assert observe(photo, _found(), settings).lens.focal_35mm == 35.0
    assert observe(photo, _found(), settings, 85.0).lens.focal_35mm == 85.0
