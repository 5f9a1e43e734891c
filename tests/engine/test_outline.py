"""The outline beyond a model's modes, against heads that have a bulge which no mode has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import heads  # noqa: E402
from nextgenface.engine.faces.topology import vertex_normals  # noqa: E402
from nextgenface.engine.fit.outline import FIXED, SeenOutline, outline_shift  # noqa: E402
from nextgenface.engine.fit.photometric import View  # noqa: E402
from nextgenface.engine.fit.refine import face_height  # noqa: E402
from nextgenface.engine.fit.run import head_data  # noqa: E402
from nextgenface.engine.fit.silhouette import Silhouette, above_mouth, find_silhouette  # noqa: E402
from nextgenface.engine.fit.stage2 import Stage2Result  # noqa: E402
from nextgenface.engine.render.geometry import TracedScene  # noqa: E402
from nextgenface.engine.render.path import render  # noqa: E402
from nextgenface.engine.render.transfer import primary_hits  # noqa: E402
from nextgenface.engine.scene.camera import Camera  # noqa: E402
from nextgenface.engine.scene.light import Light  # noqa: E402

SIZE = 384
BULGE_MM, BULGE_WIDTH_MM = 2.5, 16.0


@pytest.fixture(scope="module")
def known() -> heads.Portrait:
    return heads.portrait()


def _camera(yaw: float) -> Camera:
    turn, _ = cv2.Rodrigues(np.array([0.05, yaw, 0.0]))
    return replace(heads.front_camera(SIZE), rotation=turn)


def _bulge(known: heads.Portrait, camera: Camera, height: float = BULGE_MM) -> np.ndarray:
    """(V, 3) mm to add to the head: a smooth bulge where its outline before ``camera`` runs over the cheekbone."""
    neutral = known.model.vertices(known.truth.identity)
    normals = vertex_normals(neutral, known.model.triangles)
    facing = (normals * _towards(neutral, camera)).sum(1)
    cheekbone = (np.abs(neutral[:, 1]) < 10.0) & (np.abs(neutral[:, 0]) > 40.0) & (known.model.regions["face"] > 0.5)
    far_side = np.sign(neutral[:, 0]) != np.sign(camera.centre[0])
    place = neutral[cheekbone & far_side & (np.abs(facing) < 0.25)].mean(0)
    away = np.linalg.norm(neutral - place, axis=1)
    return np.asarray(height * np.exp(-0.5 * (away / BULGE_WIDTH_MM) ** 2)[:, None] * normals, np.float32)


def _towards(points: np.ndarray, camera: Camera) -> np.ndarray:
    sight = camera.centre - points
    return np.asarray(sight / np.linalg.norm(sight, axis=1, keepdims=True))


def _photo(known: heads.Portrait, vertices: np.ndarray, camera: Camera) -> View:
    maps = heads.statistical_maps(known.model, known.truth.reflectance)
    light = Light(known.truth.light).image(32)
    picture = render(vertices, known.model, *maps, light, camera, samples=32, depth=2, seed=3)
    image = picture.image + 0.12 * (1.0 - picture.coverage[:, :, None])
    return View(image.astype(np.float32), heads.skin_mask(known.model, vertices, camera), camera)


def _seen(known: heads.Portrait, view: View, vertices: np.ndarray) -> SeenOutline:
    normals = vertex_normals(vertices, known.model.triangles)
    points = heads.landmark_pixels(known.model, vertices, view.camera)
    scene = TracedScene(vertices, known.model.triangles)
    return SeenOutline(find_silhouette(known.model, scene, normals, view, face_height(points)), vertices, view.camera)


def _strip(known: heads.Portrait, vertices: np.ndarray, truth: np.ndarray, camera: Camera) -> int:
    """Pixels above the mouth that one of the two heads covers and the other does not."""
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    pixels = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.float32) + 0.5
    covered = [primary_hits(TracedScene(v, known.model.triangles), camera, pixels)[0] >= 0 for v in (vertices, truth)]
    mouth = camera.project(known.truth.vertices[known.model.regions["lips"] > 0.5])[:, 1].min()
    return int(((covered[0] != covered[1]) & (pixels[:, 1] < mouth)).sum())


@pytest.mark.parametrize("yaw", [0.55, -0.55])
@pytest.mark.parametrize("height", [BULGE_MM, -BULGE_MM])
def test_a_bulge_that_no_mode_has_is_found_at_the_outline(known, yaw, height):
    """Of the strip that the two heads do not share, less than a third is left."""
    camera = _camera(yaw)
    truth = known.truth.vertices + _bulge(known, camera, height)
    seen = _seen(known, _photo(known, truth, camera), known.truth.vertices)
    neutral = known.model.vertices(known.truth.identity)
    shift = outline_shift(known.model, neutral, [seen])

    before = _strip(known, known.truth.vertices, truth, camera)
    after = _strip(known, known.truth.vertices + shift, truth, camera)
    assert before > 150
    assert after < before / 3


def test_only_skin_near_the_outline_moves(known):
    camera = _camera(0.55)
    truth = known.truth.vertices + _bulge(known, camera)
    seen = _seen(known, _photo(known, truth, camera), known.truth.vertices)
    neutral = known.model.vertices(known.truth.identity)
    moved = np.linalg.norm(outline_shift(known.model, neutral, [seen]), axis=1)

    skin = np.zeros(known.model.vertex_count, bool)
    skin[known.model.triangles[known.model.face_part[known.model.triangle_face] == 0]] = True
    assert moved.max() > 1.0
    assert moved[~skin].max() == 0.0
    for name in FIXED:
        assert moved[known.model.regions[name] > 0.99].max() < 0.05
    near_side = np.sign(neutral[:, 0]) == np.sign(camera.centre[0])
    assert moved[near_side & (np.abs(neutral[:, 0]) > 10.0)].max() < 0.3, (
        "the other side of the face is not seen from aside"
    )


def test_the_true_head_stays_as_it_is(known):
    camera = _camera(0.55)
    seen = _seen(known, _photo(known, known.truth.vertices, camera), known.truth.vertices)
    shift = outline_shift(known.model, known.model.vertices(known.truth.identity), [seen])
    assert len(seen.silhouette.part) > 25
    assert np.linalg.norm(shift, axis=1).max() < 0.5


def _edge(known: heads.Portrait, gaps: np.ndarray) -> SeenOutline:
    """An outline of the true head whose edges lie ``gaps`` (N,) pixels outside of it."""
    seen = _seen(known, _photo(known, known.truth.vertices, _camera(0.55)), known.truth.vertices)
    found = seen.silhouette
    kept = above_mouth(known.model)[found.ends.numpy()].all(1)
    ends, part, normal = found.ends[kept], found.part[kept], found.normal[kept]
    first, second = (known.truth.vertices[ends[:, i]] for i in range(2))
    place = seen.camera.project(first + part.numpy()[:, None] * (second - first)).astype(np.float32)
    target = (
        torch.from_numpy(place) + torch.from_numpy(np.resize(gaps, len(place)).astype(np.float32))[:, None] * normal
    )
    return replace(seen, silhouette=Silhouette(ends, part, target, normal, found.spread))


def test_a_single_edge_of_another_thing_hardly_counts(known):
    neutral = known.model.vertices(known.truth.identity)
    gaps = np.zeros(40)
    gaps[7] = 9.0
    assert np.linalg.norm(outline_shift(known.model, neutral, [_edge(known, gaps)]), axis=1).max() < 0.4
    assert np.linalg.norm(outline_shift(known.model, neutral, [_edge(known, np.full(40, 3.0))]), axis=1).max() > 1.0


def test_photos_of_one_person_are_heard_together(known):
    """Two photos that say the same say it more surely; two that disagree meet in the middle."""
    neutral = known.model.vertices(known.truth.identity)
    high, low = (_edge(known, np.full(40, gap)) for gap in (2.0, 0.0))
    one, twice, both = (
        float(np.linalg.norm(outline_shift(known.model, neutral, seen), axis=1).max())
        for seen in ([high], [high, high], [high, low])
    )
    assert one < twice < 1.2 * one
    assert both == pytest.approx(one / 2, rel=0.2)


def test_without_edges_nothing_moves(known):
    camera = _camera(0.55)
    view = _photo(known, known.truth.vertices, camera)
    flat = np.broadcast_to(np.median(view.image[view.weight > 0.5], 0), view.image.shape).astype(np.float32)
    seen = _seen(known, replace(view, image=flat), known.truth.vertices)
    assert not outline_shift(known.model, known.model.vertices(known.truth.identity), [seen]).any()


def test_the_head_that_is_written_has_the_shift_under_every_shape_key(known):
    shift = _bulge(known, _camera(0.55))
    shifted: Stage2Result = replace(known.truth, vertices=known.truth.vertices + shift, shift=shift)
    head = head_data(known.model, shifted)
    weights = np.zeros(len(head.expression_names), np.float32)
    weights[: known.model.expression_count] = known.truth.expression
    posed = head.vertices + np.tensordot(weights, head.expression_deltas, 1)
    np.testing.assert_allclose(posed, shifted.vertices, atol=1e-4)
    np.testing.assert_array_equal(
        head_data(known.model, known.truth).vertices, known.model.vertices(known.truth.identity)
    )
