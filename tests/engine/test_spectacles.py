"""Frames of spectacles, drawn before the face of a real photo: found where they are, none where there are none, and on no map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.faces.choose import load_model  # noqa: E402
from nextgenface.engine.fit.photo_run import PhotoRun  # noqa: E402
from nextgenface.engine.fit.prepare import prepare_photo  # noqa: E402
from nextgenface.engine.fit.reflectance import Reflectance  # noqa: E402
from nextgenface.engine.fit.spectacles import find_spectacles  # noqa: E402
from nextgenface.engine.fit.stage1 import fit_landmarks, observe  # noqa: E402
from nextgenface.engine.fit.stage2 import Stage2Result  # noqa: E402
from nextgenface.engine.photos.masks import oval_mask  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SETTINGS, SILENT = Settings(), SilentReporter()
FINER = 4


@pytest.fixture(scope="module")
def model():
    return load_model("bundled", SETTINGS)


@pytest.fixture(scope="module")
def photo(model, astronaut):
    """The photo, ready, and what stage 1 finds: its vertices and camera."""
    prepared = prepare_photo(Path(astronaut), SETTINGS, SILENT)
    first = fit_landmarks(model, [observe(prepared.photo, prepared.face, SETTINGS, 0.0)], SETTINGS, SILENT)
    (found,) = first.photos
    vertices = model.vertices(first.identity.astype(np.float32), found.expression.astype(np.float32))
    return PhotoRun(model, prepared, SETTINGS, SILENT), vertices, found.camera


def _frame(half: bool = False) -> list[np.ndarray]:
    """Lines (N, 3) of a frame in mm before the middle of the eyes, none of a shape or size that is tried: both rims, the bridge and
    the temples.
    """
    turn = np.linspace(0.0, 2.0 * np.pi, 241)
    if half:
        turn = turn[(np.sin(turn) > -0.2)]
    across, up = (np.sign(part) * np.abs(part) ** (2.0 / 2.4) for part in (np.cos(turn), np.sin(turn)))
    lines = []
    for side in (-1.0, 1.0):
        x, y = side * (32.6 + 23.1 * across), 18.2 * up * (1.0 + 0.05 * across) - 4.3
        lines.append(np.stack([x, y, 12.0 - 0.0018 * x**2 + 0.08 * y], 1))
        along = np.linspace(0.0, 1.0, 60)[:, None]
        lines.append(np.array([side * 55.7, 1.0, 6.0]) * (1.0 - along) + np.array([side * 72.0, 2.0, -75.0]) * along)
    bow = np.linspace(-1.0, 1.0, 30)
    lines.append(np.stack([9.6 * bow, 1.5 + 2.5 * (1.0 - bow**2), 12.0 + 0.0 * bow], 1))
    roll = np.radians(1.5)
    turned = np.array([[np.cos(roll), -np.sin(roll), 0.0], [np.sin(roll), np.cos(roll), 0.0], [0.0, 0.0, 1.0]])
    return [line @ turned.T for line in lines]


def _drawn(photo, model, lines, width_mm, colour) -> tuple[np.ndarray, np.ndarray]:
    """The detail picture with ``lines`` drawn over it, linear, and (H, W) how much of each pixel they cover."""
    run, vertices, whole = photo
    detail = run.prepared.detail
    camera = detail.camera(whole)
    lids = vertices[model.regions["eyelids"] > 0.5]
    middle = np.array([0.0, lids[:, 1].mean(), np.percentile(lids[:, 2], 95)])
    cover = np.zeros((detail.height * FINER, detail.width * FINER), np.float32)
    pixel = camera.focal_px / np.linalg.norm(middle - camera.centre)
    for line in lines:
        corners = np.round(camera.project(line + middle) * FINER).astype(np.int32)
        cv2.polylines(cover, [corners], False, 1.0, max(1, round(width_mm * pixel * FINER)), cv2.LINE_AA)
    cover = cv2.resize(cover, (detail.width, detail.height), interpolation=cv2.INTER_AREA)[:, :, None]
    return (detail.linear * (1.0 - cover) + np.array(colour, np.float32) * cover).astype(np.float32), cover[:, :, 0]


def _found(photo, model, image):
    run, vertices, camera = photo
    detail, face = run.prepared.detail, run.prepared.face
    points = detail.from_photo(face.points)
    oval = oval_mask((detail.height, detail.width), points, face.scheme).astype(np.float32)
    brows = run.prepared.detail_brows
    found = find_spectacles(image, detail.camera(camera), model, vertices, points, face.scheme, brows, oval)
    return found, (oval > 0.5) & (brows < 0.5)


KINDS = {
    "thin and dark": (1.2, (0.02, 0.02, 0.025), False),
    "thick and dark": (4.5, (0.015, 0.012, 0.01), False),
    "golden": (1.5, (0.95, 0.75, 0.45), False),
    "without a lower half": (2.0, (0.02, 0.015, 0.015), True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_is_found_where_it_is(photo, model, kind):
    width, colour, half = KINDS[kind]
    image, cover = _drawn(photo, model, _frame(half), width, colour)
    found, skin = _found(photo, model, image)
    assert found is not None
    frame = (cover > 0.5) & skin
    assert frame.sum() > 100
    # Measured: 0.99 and more.
    assert (found[frame] > 0.5).mean() > 0.95
    _, bridge = _drawn(photo, model, _frame(half)[-1:], width, colour)
    assert (found[(bridge > 0.5) & skin] > 0.5).mean() > 0.9
    # Little of the skin is lost to it: of what is taken out, 0.02 to 0.18 lie farther than three millimetres from it.
    near = cv2.distanceTransform((cover < 0.3).astype(np.uint8), cv2.DIST_L2, 5)
    run, vertices, camera = photo
    mm = run.prepared.detail.camera(camera).focal_px / np.linalg.norm(vertices.mean(0) - camera.centre)
    assert ((found > 0.5) & skin & (near > 3.0 * mm)).sum() < 0.25 * ((found > 0.5) & skin).sum()


def test_an_upper_rim_on_a_brow_is_found(photo, model):
    lines = [line * (1.0, 1.15, 1.0) + (0.0, 3.5, 0.0) for line in _frame()]
    image, cover = _drawn(photo, model, lines, *KINDS["thin and dark"][:2])
    found, _ = _found(photo, model, image)
    frame = (cover > 0.5) & (photo[0].prepared.detail_brows > 0.5)
    assert frame.sum() > 100
    assert (found[frame] > 0.5).mean() > 0.9


def test_a_bare_face_has_none(photo, model):
    found, _ = _found(photo, model, photo[0].prepared.detail.linear)
    assert found is None


def test_wrinkles_and_bags_of_eyes_are_none(photo, model):
    """Lines around the eyes that go around neither: two below each eye, and crow's feet, a quarter darker than the skin."""
    lines = []
    for side in (-1.0, 1.0):
        bow = np.linspace(-1.0, 1.0, 40)
        for low in (-13.0, -18.0):
            x = side * (31.0 + 15.0 * bow)
            lines.append(np.stack([x, low + 4.0 * bow**2, 2.0 - 0.006 * x**2], 1))
        for up in (-4.0, 2.0, 8.0):
            along = np.linspace(0.0, 1.0, 20)
            lines.append(np.stack([side * (50.0 + 14.0 * along), 0.0 * along + up * along, -10.0 - 12.0 * along], 1))
    black, cover = _drawn(photo, model, lines, 1.2, (0.0, 0.0, 0.0))
    assert (cover > 0.5).sum() > 100
    bare = photo[0].prepared.detail.linear
    found, _ = _found(photo, model, (0.75 * bare + 0.25 * black).astype(np.float32))
    assert found is None


def test_a_model_that_tells_no_lids_looks_for_none(photo, model):
    image, _ = _drawn(photo, model, _frame(), *KINDS["thick and dark"][:2])
    bare = replace(model, regions={name: mask for name, mask in model.regions.items() if name != "eyelids"})
    found, _ = _found(photo, bare, image)
    assert found is None


def test_what_a_frame_covers_is_not_taken_for_skin(photo, model, monkeypatch):
    """Neither in the fit, nor in its figures, nor on the maps."""
    run, vertices, camera = photo
    image, cover = _drawn(photo, model, _frame(), *KINDS["thick and dark"][:2])
    detail = replace(run.prepared.detail, linear=image)
    worn = PhotoRun(model, replace(run.prepared, detail=detail), SETTINGS, SILENT)
    second = Stage2Result(
        identity=np.zeros(model.identity_count, np.float32),
        expression=np.zeros(model.expression_count, np.float32),
        camera=run.prepared.crop.camera(camera),
        light=np.zeros((SETTINGS.bands**2, 3), np.float32),
        reflectance=Reflectance.average(model),
        vertices=vertices,
    )
    monkeypatch.setattr("nextgenface.engine.fit.photo_run.MapView", lambda model, second, view, *others: view)
    before, maps_before = worn.mask.copy(), worn.map_view(second).weight
    worn.look_again_for_spectacles(second)
    for weight, weight_before in ((worn.mask, before), (worn.map_view(second).weight, maps_before)):
        frame = cv2.resize(cover, weight.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
        frame &= weight_before > 0.5
        assert frame.sum() > 50
        assert (weight[frame] < 0.05).mean() > 0.85
        assert weight.sum() > 0.7 * weight_before.sum()
    run.look_for_spectacles(vertices, camera)
    assert np.array_equal(run.mask, run.prepared.mask)
