"""Points placed by hand on a real photo, with the bundled head and what is known of the detector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")
torch = pytest.importorskip("torch")

from nextgenface.engine.errors import PhotoError  # noqa: E402
from nextgenface.engine.faces.bundled import load  # noqa: E402
from nextgenface.engine.fit import pipeline, prepare  # noqa: E402
from nextgenface.engine.fit.stage1 import fit_landmarks, observe  # noqa: E402
from nextgenface.engine.hints import PhotoHints, PlacedPoint  # noqa: E402
from nextgenface.engine.landmarks.detection import look_at  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

ASTRONAUT = Path(__file__).parents[1] / "data" / "astronaut.png"
# MediaPipe's outer and inner ring of the lips.
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
)


@pytest.fixture(scope="module")
def seen():
    return look_at(ASTRONAUT, Settings(), SilentReporter())


def test_a_photo_tells_its_size_and_its_points(seen):
    assert (seen.width, seen.height, seen.detector, seen.message) == (512, 512, "mediapipe", "")
    points = np.reshape(seen.points, (-1, 2))
    assert points.shape == (478, 2)
    assert np.ptp(points, axis=0).min() > 60 and points.min() > 0 and points.max() < 512


def test_a_photo_without_a_face_says_so_and_one_that_is_none_is_an_error(tmp_path):
    from PIL import Image

    Image.new("RGB", (320, 200), (90, 120, 90)).save(tmp_path / "lawn.jpg")
    lawn = look_at(tmp_path / "lawn.jpg", Settings(), SilentReporter())
    assert (lawn.width, lawn.height, lawn.points) == (320, 200, [])
    assert "No face" in lawn.message and lawn.remedy
    with pytest.raises(PhotoError):
        look_at(tmp_path / "none.jpg", Settings(), SilentReporter())


def test_an_error_in_a_fit_knows_its_photo(tmp_path):
    with pytest.raises(PhotoError) as caught:
        pipeline._prepared(tmp_path / "none.jpg", Settings(), SilentReporter(), None)
    assert caught.value.photo == str(tmp_path / "none.jpg")


class Misled:
    """A detector that finds the lips elsewhere."""

    def __init__(self, detector):
        self._detector = detector

    def detect(self, srgb):
        faces = self._detector.detect(srgb)
        points = faces[0].points.copy()
        points[list(LIPS), :2] += [9.0, 7.0]
        return [replace(faces[0], points=points)]


@pytest.fixture(scope="module")
def fits(seen):
    """Stage 1 on the points as they are, with the lips misplaced, and with these corrected."""
    model, settings = load(), Settings()
    choose = prepare.choose_detector
    hints = PhotoHints(points={n: PlacedPoint(*(np.reshape(seen.points, (-1, 2))[n] / 512)) for n in LIPS})

    def fit(said=None):
        photo = prepare.prepare_photo(ASTRONAUT, settings, SilentReporter(), said)
        found = fit_landmarks(model, [observe(photo.photo, photo.face, settings)], settings, SilentReporter())
        return found.photos[0], photo

    right, confirmed = fit(), fit(hints)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "choose_detector", lambda *given: Misled(choose(*given)))
        return {"model": model, "right": right, "confirmed": confirmed, "misled": fit(), "corrected": fit(hints)}


def test_corrected_lips_give_the_mouth_of_the_right_ones(fits):
    """To less than a percent of the face's height: habits are taken off what was detected, and not off what was placed."""
    place = np.isin(fits["model"].landmarks["mediapipe"].index, LIPS)

    def away(name):
        gap = fits[name][0].points[place] - fits["right"][0].points[place]
        return np.linalg.norm(gap, axis=1).mean() / fits["right"][1].face.height

    assert away("corrected") < 0.008 < 0.015 < away("misled")


def test_it_does_not_matter_how_wrong_a_corrected_point_was(fits):
    corrected, confirmed = fits["corrected"][0], fits["confirmed"][0]
    np.testing.assert_allclose(corrected.points, confirmed.points, atol=1e-3)
    np.testing.assert_allclose(corrected.expression, confirmed.expression, atol=1e-3)


def test_a_placed_point_is_taken_for_what_it_is(fits):
    """The detector's habits are taken off the others only."""
    fit, photo = fits["corrected"]
    index = fits["model"].landmarks["mediapipe"].index
    gap = np.linalg.norm(fit.seen - photo.face.points[index, :2], axis=1)
    placed = np.isin(index, LIPS)
    assert gap[placed].max() < 1e-3 < 0.05 < np.median(gap[~placed])


def test_the_mask_follows_the_corrected_mouth(fits):
    """Where the lips were thought to be, skin is trusted again."""
    right, misled, corrected = (fits[name][1].detail_mouth for name in ("right", "misled", "corrected"))
    assert np.abs(right - misled).sum() > 20 * np.abs(right - corrected).sum()


def test_stage_2_holds_on_to_placed_points():
    from nextgenface.engine.fit.refine import ShapeProblem

    problem = ShapeProblem.__new__(ShapeProblem)
    problem.head = type("Head", (), {"interpolate": staticmethod(lambda vertices, *_: vertices)})
    problem.landmark_triangle = problem.landmark_barycentric = None
    problem.fixed, problem.face_height, problem.sureness = torch.arange(2), 100.0, None
    problem.points = torch.zeros(2, 2)
    camera = type("Camera", (), {"project": staticmethod(lambda place: place)})
    near, far = (problem._landmark_loss(torch.tensor([[x, 0.0], [0.0, 0.0]]), camera) for x in (20.0, 40.0))
    assert far - near < 0.1 * near, "what was detected far off lets go"
    problem.sureness = torch.tensor([1.0, 0.0])
    near, far = (problem._landmark_loss(torch.tensor([[x, 0.0], [0.0, 0.0]]), camera) for x in (20.0, 40.0))
    assert float(far) == pytest.approx(4.0 * float(near), rel=1e-5)
