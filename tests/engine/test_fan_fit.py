"""A whole fit on 68 points comes close to the one on MediaPipe's mesh."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]
pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.fit import prepare  # noqa: E402
from nextgenface.engine.fit.pipeline import reconstruct  # noqa: E402
from nextgenface.engine.landmarks import ibug  # noqa: E402
from nextgenface.engine.landmarks.choose import choose_detector, has_bundled_models  # noqa: E402
from nextgenface.engine.landmarks.estimates import whole_face  # noqa: E402
from nextgenface.engine.presets import read_preset  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402


class SixtyEight:
    """What FAN would see, had it MediaPipe's eyes: its mesh at the 68 points, without depth and irises."""

    def __init__(self) -> None:
        self.mesh = choose_detector(Settings())

    def detect(self, srgb):
        faces = self.mesh.detect(srgb)
        return [whole_face(self.at(face.points)[:, :2], self.at(face.spread[:, None])[:, 0], srgb) for face in faces]

    @staticmethod
    def at(values):
        return np.stack([values[list(numbers)].mean(0) for numbers in ibug.ON_MESH])


@pytest.fixture(scope="module")
def both(astronaut, tmp_path_factory):
    """The reports and folders of a draft with the mesh and of one with the 68 points."""
    if not has_bundled_models():
        pytest.skip("this MediaPipe brings no models")
    results = {}
    for name in ("mediapipe", "fan"):
        folder = tmp_path_factory.mktemp(name)
        settings = Settings.from_dict({**read_preset("draft"), "landmark_detector": name})
        with pytest.MonkeyPatch.context() as patch:
            if name == "fan":
                patch.setattr(prepare, "choose_detector", lambda *_: SixtyEight())
            reconstruct([astronaut], folder, settings, SilentReporter())
        results[name] = folder, json.loads((folder / "report.json").read_text())
    return results


def test_the_photo_is_reproduced_within_one_and_a_half_decibels(both):
    (_, mesh), (_, sparse) = both["mediapipe"], both["fan"]
    assert sparse["reproduction_psnr_db"] > mesh["reproduction_psnr_db"] - 1.5
    assert sparse["landmark_error_percent"] < 1.0


def test_the_same_skin_is_looked_at_and_its_colour_agrees(both):
    masks, colours = [], []
    for folder, _ in both.values():
        masks.append(cv2.imread(str(folder / "skinMask_0.png"), cv2.IMREAD_GRAYSCALE) > 127)
        # OpenCV reads blue, green, red; red tells what the photo covers.
        covered = cv2.imread(str(folder / "coverageMap_0.png"))[..., 2] > 230
        colours.append(cv2.imread(str(folder / "diffuseMap_0.png"))[covered].mean(0) / 255.0)
    common = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert common > 0.88
    assert np.abs(colours[0] - colours[1]).max() < 0.06
