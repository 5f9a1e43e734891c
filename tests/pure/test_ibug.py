"""The 68 points: where they lie on the bundled head, and what is estimated of a face from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")

from nextgenface.engine.errors import FaceModelError
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.fit.landmark_rows import EmbeddedModel
from nextgenface.engine.landmarks import ibug
from nextgenface.engine.landmarks.estimates import whole_face
from nextgenface.engine.landmarks.schemes import FOREHEAD_ON_MESH, IBUG, MEDIAPIPE, SCHEMES, SKIN_ON_MESH
from nextgenface.engine.scene.orthography import Orthography, laid_on

# The mean face of 300-W, points 17 to 67, as dlib has it (get_face_chip_details in image_transforms/interpolation.h); units of the
# face.
MEAN_X = (
    0.000213256, 0.0752622, 0.18113, 0.29077, 0.393397, 0.586856, 0.689483, 0.799124, 0.904991, 0.98004, 0.490127,
    0.490127, 0.490127, 0.490127, 0.36688, 0.426036, 0.490127, 0.554217, 0.613373, 0.121737, 0.187122, 0.265825,
    0.334606, 0.260918, 0.182743, 0.645647, 0.714428, 0.793132, 0.858516, 0.79751, 0.719335, 0.254149, 0.340985,
    0.428858, 0.490127, 0.551395, 0.639268, 0.726104, 0.642159, 0.556721, 0.490127, 0.423532, 0.338094, 0.290379,
    0.428096, 0.490127, 0.552157, 0.689874, 0.553364, 0.490127, 0.42689,
)  # fmt: skip
MEAN_Y = (
    0.106454, 0.038915, 0.0187482, 0.0344891, 0.0773906, 0.0773906, 0.0344891, 0.0187482, 0.038915, 0.106454, 0.203352,
    0.307009, 0.409805, 0.515625, 0.587326, 0.609345, 0.628106, 0.609345, 0.587326, 0.216423, 0.178758, 0.179852,
    0.231733, 0.245099, 0.244077, 0.231733, 0.179852, 0.178758, 0.216423, 0.244077, 0.245099, 0.780233, 0.745405,
    0.727388, 0.742578, 0.727388, 0.745405, 0.780233, 0.864805, 0.902192, 0.909281, 0.902192, 0.864805, 0.784792,
    0.778746, 0.785343, 0.778746, 0.784792, 0.824182, 0.831803, 0.824182,
)  # fmt: skip


def places(name, vertices=None):
    """(L, 3) mm of a detector's points on the bundled head."""
    model = load()
    embedding = model.landmarks[name]
    corners = (model.mean if vertices is None else vertices)[model.triangles[embedding.triangle]]
    return np.einsum("lc,lcx->lx", embedding.barycentric, corners).astype(np.float64)


def test_the_points_are_symmetric():
    points = places("fan")
    mirrored = points[list(ibug.MIRRORED)] * [-1, 1, 1]
    assert np.linalg.norm(points - mirrored, axis=1).max() < 0.6
    assert [ibug.MIRRORED[other] for other in ibug.MIRRORED] == list(range(ibug.COUNT))


def test_they_agree_with_the_mean_face_of_300w():
    """Brows, nose, eyes and lips after a similarity; that mean smiles with its mouth open, so the lips count less."""
    points = places("fan")[17:, :2]
    known = np.stack([MEAN_X, -np.array(MEAN_Y)], 1)
    centred, goal = known - known.mean(0), points - points.mean(0)
    away = goal - (centred * goal).sum() / (centred**2).sum() * centred
    off = np.linalg.norm(away, axis=1)
    upper, lips = off[: 48 - 17], off[48 - 17 :]
    assert upper.mean() < 2.6 and upper.max() < 5.0
    assert lips.mean() < 4.0 and lips.max() < 6.5


def test_the_jaw_is_the_contour_and_runs_evenly_from_temple_to_temple():
    embedding = load().landmarks["fan"]
    assert np.flatnonzero(embedding.contour).tolist() == list(range(17))
    assert embedding.index.tolist() == list(range(68))
    steps = np.linalg.norm(np.diff(places("fan")[:17, :2], axis=0), axis=1)
    assert steps.max() < 1.5 * steps.min()
    assert (np.diff(places("fan")[:17, 0]) > -0.5).all()


def test_points_between_two_of_the_mesh_lie_on_the_skin_between_them():
    mesh, points = places("mediapipe"), places("fan")
    for number, on_mesh in enumerate(ibug.ON_MESH):
        middle = mesh[list(on_mesh)].mean(0)
        assert np.linalg.norm(points[number] - middle) < (0.001 if len(on_mesh) == 1 else 2.5)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_a_scheme_names_points_that_there_are(scheme):
    rings = (scheme.oval, scheme.right_eye, scheme.left_eye, scheme.inner_lips, scheme.above_brows, scheme.core)
    for ring in (*rings, scheme.below_brows, *(iris.edge for iris in scheme.irises), scheme.iris_centres):
        assert len(set(ring)) == len(ring)
        assert min(ring) >= 0 and max(ring) < scheme.count
    assert set(scheme.temples) <= set(scheme.oval)
    assert scheme.oval[0] == scheme.forehead_top and scheme.chin in scheme.oval
    assert len(scheme.below_brows) == len(scheme.above_brows) - 2


def test_both_schemes_mean_the_same_by_their_names():
    """On the mean head, seen from the front, the named sets of both detectors lie in the same places."""
    mesh = places("mediapipe") * [1, -1, 0] * 3 + [400, 400, 0]
    sparse = whole_face((places("fan")[:, :2] * [1, -1] * 3 + 400).astype(np.float32), np.zeros(68), blank()).points
    for name in ("oval", "right_eye", "left_eye", "inner_lips", "above_brows", "below_brows", "core"):
        dense, few = (points[list(getattr(scheme, name)), :2] for points, scheme in ((mesh, MEDIAPIPE), (sparse, IBUG)))
        corners = (np.concatenate([points.min(0), points.max(0)]) for points in (dense, few))
        assert np.abs(np.subtract(*corners)).max() < 3 * 6.0, name


def blank():
    return np.zeros((800, 800, 3), np.uint8)


def test_orthography_is_found_again():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 3)) * 40
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    true = Orthography(turn, 1.7, np.array([30.0, -12.0]))
    found = laid_on(points, true.project(points))
    np.testing.assert_allclose(found.rotation, turn, atol=1e-9)
    assert found.scale == pytest.approx(1.7)
    np.testing.assert_allclose(found.origin, true.origin, atol=1e-8)


@pytest.mark.parametrize("yaw", [0.0, 0.4])
def test_what_is_estimated_lies_where_the_head_has_it(yaw):
    """Of another face than the mean, with an open mouth and turned: within some percent of the face's height."""
    model = load()
    identity = 0.7 * np.random.default_rng(2).normal(size=model.identity_count).astype(np.float32)
    expression = np.zeros(model.expression_count, np.float32)
    expression[model.expression_names.index("jawOpen")] = 0.5
    vertices = model.vertices(identity, expression)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    camera = Orthography(turn, 2.0, np.array([400.0, 400.0]))
    seen, mesh = (camera.project(places(name, vertices)) for name in ("fan", "mediapipe"))
    face = whole_face(seen.astype(np.float32), np.full(68, 0.5, np.float32), blank())
    assert face.scheme is IBUG and face.points.shape == (IBUG.count, 3) and face.spread.shape == (IBUG.count,)
    np.testing.assert_allclose(face.points[:68, :2], seen, atol=1e-3)
    height = np.linalg.norm(mesh[10] - mesh[152])
    forehead = face.points[IBUG.forehead_top : IBUG.forehead_top + len(FOREHEAD_ON_MESH), :2]
    skin = face.points[-len(SKIN_ON_MESH) :, :2]
    for found, numbers, most in (
        (forehead, FOREHEAD_ON_MESH, 0.06),
        (face.points[list(IBUG.below_brows), :2], MEDIAPIPE.below_brows, 0.03),
        (skin, SKIN_ON_MESH, 0.05),
    ):
        assert np.linalg.norm(found - mesh[list(numbers)], axis=1).mean() < most * height
    assert face.height == pytest.approx(height, rel=0.08)


def test_the_forehead_s_ends_go_with_the_temples_that_are_seen():
    seen = (places("fan")[:, :2] * [1, -1] * 3 + 400).astype(np.float32)
    before = whole_face(seen, np.zeros(68), blank()).points
    for end, neighbour, other in ((0, IBUG.oval[-6], IBUG.oval[6]), (16, IBUG.oval[6], IBUG.oval[-6])):
        moved = seen.copy()
        moved[end] += [10.0, 6.0]
        shift = whole_face(moved, np.zeros(68), blank()).points - before
        assert 0.6 < shift[neighbour, 0] / 10.0 < 1.2 and 0.6 < shift[neighbour, 1] / 6.0 < 1.2
        np.testing.assert_allclose(shift[[other, IBUG.forehead_top]], 0.0, atol=0.1)


def test_a_model_that_lacks_a_detectors_points_says_so():
    model = load()
    without = replace(model, landmarks={"mediapipe": model.landmarks["mediapipe"]})
    with pytest.raises(FaceModelError, match="does not know the points of 'fan'") as caught:
        EmbeddedModel.of(without, "fan")
    assert "mediapipe" in caught.value.remedy
