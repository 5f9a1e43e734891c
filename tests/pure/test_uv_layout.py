"""The layout for faces: on the bundled head as it is stored, and the unfolding itself on small meshes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.model import PART_NAMES
from nextgenface.engine.faces.topology import split_at_seams, split_quads
from scipy.ndimage import binary_dilation
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

from head.uv_energy import energy, flatten, longest_step, minimise, targets
from head.uv_figures import cover_count, covered, flipped, split_corners, stretch, visible_share
from head.uv_islands import Island, pack
from head.uv_layout import face_layout, measure
from head.uv_regions import face_region

SKIN, EYE_LEFT, EYE_RIGHT = (PART_NAMES.index(name) for name in ("skin", "eye_left", "eye_right"))


@dataclass(frozen=True)
class Mesh:
    vertices: np.ndarray
    quads: np.ndarray
    part: np.ndarray
    mirror: np.ndarray


@pytest.fixture(scope="module")
def head():
    return load()


@pytest.fixture(scope="module")
def face(head):
    return face_region(head.mean.astype(np.float64), head.quads.astype(np.int64), head.face_part).face


def mirrored_corners(quads, mirror):
    """Rows (polygon, corner, polygon, corner) of corners that mirror each other."""
    by_set = {frozenset(row): i for i, row in enumerate(quads.tolist())}
    rows = []
    for i, row in enumerate(quads.tolist()):
        image = [int(mirror[v]) if v >= 0 else -1 for v in row]
        j = by_set[frozenset(image)]
        other = quads[j].tolist()
        rows += [(i, c, j, other.index(v)) for c, v in enumerate(image) if v >= 0]
    return np.array(rows)


def mirror_error(mesh_quads, mirror, uv):
    i, c, j, d = mirrored_corners(mesh_quads, mirror).T
    uv = uv.astype(np.float64)
    return np.abs(uv[j, d] - (uv[i, c] * (-1, 1) + (1, 0))).max()


def islands(quads, uv):
    """(T,) the island of each triangle, and the triangles' UVs (T, 3, 2)."""
    triangles, face, corner = split_quads(quads)
    seams = split_at_seams(triangles, uv[face[:, None], corner])
    first, second = seams.triangles[:, :2].ravel(), seams.triangles[:, 1:].ravel()
    shape = (len(seams.source),) * 2
    label = connected_components(coo_matrix((np.ones(len(first)), (first, second)), shape=shape), directed=False)[1]
    return label[seams.triangles[:, 0]], seams.uv[seams.triangles].astype(np.float64)


def test_stored_uvs_lie_in_the_unit_square_and_mirror_each_other(head):
    assert head.uv_face.min() >= 0.0
    assert head.uv_face.max() <= 1.0
    assert mirror_error(head.quads, head.mirror_vertex, head.uv_face) <= 1e-6


def test_stored_uvs_turn_nothing_over_and_lie_over_nothing(head):
    flat, _ = split_corners(head.quads, head.uv_face.astype(np.float64))
    assert flipped(head.quads, head.uv_face.astype(np.float64)) == 0
    assert cover_count(flat, 2048).max() == 1


def test_front_of_the_face_has_half_of_the_map_with_little_stretch(head, face):
    flat, owner = split_corners(head.quads, head.uv_face.astype(np.float64))
    solid, _ = split_corners(head.quads, head.mean[head.quads].astype(np.float64))
    edges = flat[:, 1:] - flat[:, :1]
    area = np.abs(np.linalg.det(edges)) / 2
    assert area[face[owner]].sum() >= 0.5 * area.sum()
    figures = stretch(solid[face[owner]], flat[face[owner]], "face")
    assert figures["face_l2"] < 1.05
    assert figures["face_conformal_median"] < 1.3
    assert figures["face_conformal_p95"] < 2.0
    assert figures["face_dirichlet_p95"] < 6.0


def test_face_region_is_the_face(head, face):
    centre = head.mean[head.quads].mean(1)
    eyes = head.mean[np.unique(head.quads[head.face_part == EYE_LEFT])].mean(0)
    assert (head.face_part[face] == SKIN).all()
    assert centre[face, 2].min() > 0.0  # before the ears, between which the origin lies
    extent = np.ptp(centre[face], axis=0)
    assert 150.0 < extent[1] < 215.0  # from hairline to chin, mm
    assert 110.0 < extent[0] < 170.0
    assert abs(centre[face, 1].mean() - eyes[1]) < 30.0


def test_face_is_upright_in_the_map(head, face):
    centre, uv = head.mean[head.quads].mean(1)[face], head.uv_face.mean(1)[face]
    assert np.corrcoef(centre[:, 0], uv[:, 0])[0, 1] > 0.97
    assert np.corrcoef(centre[:, 1], uv[:, 1])[0, 1] > 0.97
    assert (uv[centre[:, 0] > 0, 0] > 0.5).all()


def test_skin_is_one_island_and_small_islands_keep_their_distance(head):
    label, flat = islands(head.quads, head.uv_face)
    part = head.face_part[split_quads(head.quads)[1]]
    assert len(np.unique(label[part == SKIN])) == 1
    size, gap = 1024, 4
    owner = np.full(size * size, -1)
    triangle, pixel, _ = covered(flat, size)
    owner[pixel] = label[triangle]
    owner = owner.reshape(size, size)
    for island in np.unique(label):
        near = binary_dilation(owner == island, np.ones((3, 3)), iterations=gap)
        assert set(np.unique(owner[near])) <= {-1, island}
    assert (owner[:gap] < 0).all()
    assert (owner[-gap:] < 0).all()
    assert (owner[:, :gap] < 0).all()
    assert (owner[:, -gap:] < 0).all()


@pytest.mark.parametrize(("part", "side"), [(EYE_LEFT, 1), (EYE_RIGHT, -1)])
def test_eye_is_a_disc_with_the_iris_in_its_centre(head, part, side):
    label, flat = islands(head.quads, head.uv_face)
    rows = head.face_part[split_quads(head.quads)[1]] == part
    disc = label == np.bincount(label[rows]).argmax()
    corners = head.mean[head.triangles[disc]].astype(np.float64)
    points, uv = corners.reshape(-1, 3), flat[disc].reshape(-1, 2)
    middle, diameter = (uv.min(0) + uv.max(0)) / 2, np.ptp(uv, axis=0)
    assert diameter.min() >= 0.08
    assert (middle[0] - 0.5) * side > diameter[0] / 2
    centre = points.mean(0)
    seen = points[:, 2] > centre[2] + 0.75 * np.linalg.norm(points - centre, axis=1).mean()
    assert np.abs(uv[seen].mean(0) - middle).max() < 0.1 * diameter.min()
    # What an iris covers that looks up to 25 degrees aside is true to length, and takes half of the disc.
    radius = np.linalg.norm(points - centre, axis=1).mean()
    front = corners[:, :, 2].min(1) > centre[2] + np.cos(np.radians(48.0)) * radius
    across = flat[disc][front].reshape(-1, 2)
    assert np.ptp(across, axis=0).min() > 0.42 * diameter.min()
    figures = stretch(corners[front], flat[disc][front], "eye")
    assert figures["eye_l2"] < 1.05
    assert figures["eye_conformal_max"] < 1.6


def sphere(rings, sectors, axis_up, keep_lowest):
    """Vertices and polygons of a sphere of radius 1 round y (``axis_up``) or z, a pole at each end, triangles round the poles.

    Sector 0 and the one opposite lie at x = 0. Without ``keep_lowest`` the sphere is open below.
    """
    last = rings if keep_lowest else rings - 2
    theta = np.pi * np.arange(1, last) / rings
    phi = 2 * np.pi * np.arange(sectors) / sectors
    ring = [[np.sin(t) * np.sin(p), np.cos(t), np.sin(t) * np.cos(p)] for t in theta for p in phi]
    points = np.array([[0.0, 1.0, 0.0], *ring] + ([[0.0, -1.0, 0.0]] if keep_lowest else []))
    polygons = [[0, 1 + k, 1 + (k + 1) % sectors, -1] for k in range(sectors)]
    for r in range(len(theta) - 1):
        low, high = 1 + (r + 1) * sectors, 1 + r * sectors
        for k in range(sectors):
            n = (k + 1) % sectors
            polygons.append([high + k, low + k, low + n, high + n])
    if keep_lowest:
        base = 1 + (len(theta) - 1) * sectors
        polygons += [[base + (k + 1) % sectors, base + k, len(points) - 1, -1] for k in range(sectors)]
    if not axis_up:
        points = points @ np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
    points[np.abs(points) < 1e-12] = 0.0
    return points, np.array(polygons)


def small_head(stretched=(70.0, 110.0, 90.0)):
    """An egg of skin that is open below, and two eyeballs before it."""
    skin, polygons = sphere(14, 24, True, False)
    eye, eye_polygons = sphere(8, 12, False, True)
    pieces = [(skin * stretched, polygons, SKIN)]
    for x, part in ((30.0, EYE_LEFT), (-30.0, EYE_RIGHT)):
        pieces.append((eye * 12.0 + (x, 10.0, 95.0), eye_polygons, part))
    vertices, quads, parts = [], [], []
    for points, rows, part in pieces:
        start = sum(map(len, vertices))
        vertices.append(points)
        quads.append(np.where(rows < 0, -1, rows + start))
        parts += [part] * len(rows)
    every = np.concatenate(vertices)
    distance = np.linalg.norm(every[:, None] * (-1, 1, 1) - every[None], axis=2)
    return Mesh(every, np.concatenate(quads), np.array(parts, np.uint8), distance.argmin(1))


@pytest.fixture(scope="module")
def egg():
    return small_head()


@pytest.fixture(scope="module")
def egg_layout(egg):
    return face_layout(egg.vertices, egg.quads, egg.part, egg.mirror)


def test_small_head_is_laid_out_without_overlap_and_symmetric(egg, egg_layout):
    uv = egg_layout.uv
    assert uv.shape == (*egg.quads.shape, 2)
    assert uv.dtype == np.float32
    assert uv.min() >= 0.0
    assert uv.max() <= 1.0
    assert mirror_error(egg.quads, egg.mirror, uv) <= 1e-6
    assert egg_layout.figures["flipped"] == 0
    assert egg_layout.figures["overlap"] == 0
    assert egg_layout.figures["covered"] > 0.85


def test_layout_is_the_same_every_time(egg, egg_layout):
    again = face_layout(egg.vertices, egg.quads, egg.part, egg.mirror)
    assert np.array_equal(again.uv, egg_layout.uv)


def test_layout_does_not_depend_on_vertex_numbers(egg, egg_layout):
    order = np.random.default_rng(3).permutation(len(egg.vertices))
    place = np.argsort(order)
    quads = np.where(egg.quads < 0, -1, place[egg.quads])
    shuffled = face_layout(egg.vertices[order], quads, egg.part, place[egg.mirror[order]])
    assert np.abs(shuffled.uv - egg_layout.uv).max() < 1e-3


def test_measure_sees_flips_and_overlaps(egg, egg_layout):
    skin = np.flatnonzero(egg.part == SKIN)
    flipped_uv = egg_layout.uv.copy()
    flipped_uv[skin[40]] = flipped_uv[skin[40]][::-1]
    assert measure(egg.vertices, egg.quads, egg.part, flipped_uv, egg_layout.face)["flipped"] > 0
    moved = egg_layout.uv.copy()
    moved[egg.part == EYE_LEFT] += (0.0, 0.3)
    assert measure(egg.vertices, egg.quads, egg.part, moved, egg_layout.face)["overlap"] > 1000


def test_head_without_symmetry_is_refused(egg):
    with pytest.raises(ValueError, match="no mirror image"):
        face_layout(egg.vertices, egg.quads[:-1], egg.part[:-1], egg.mirror)
    with pytest.raises(ValueError, match="cross the midline"):
        face_layout(egg.vertices + np.array([30.0, 0, 0]), egg.quads, egg.part, egg.mirror)


def test_closed_head_is_refused():
    points, polygons = sphere(10, 16, True, True)
    mirror = np.linalg.norm(points[:, None] * (-1, 1, 1) - points[None], axis=2).argmin(1)
    with pytest.raises(ValueError, match="neck"):
        face_layout(points * 90.0, polygons, np.zeros(len(polygons), np.uint8), mirror)


def flat_grid():
    """Points (30, 2) of a grid of unit squares, and what its triangles should be: themselves."""
    x, y = np.meshgrid(np.arange(6.0), np.arange(5.0))
    flat = np.stack([x.ravel(), y.ravel()], 1)
    a = (np.arange(5)[None] + 6 * np.arange(4)[:, None]).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, a + 7], 1), np.stack([a, a + 7, a + 6], 1)])
    solid = np.concatenate([flat, np.zeros((len(flat), 1))], 1)
    return flat, targets(triangles, flatten(solid[triangles]), np.ones(len(triangles)))


def test_bent_grid_unbends():
    """The energy's least value is 4 per unit of weight."""
    flat, wanted = flat_grid()
    bent = flat + 0.3 * np.sin(flat[:, ::-1] * 1.7)
    result = minimise(bent, wanted, np.ones_like(bent, bool), tolerance=1e-14)
    assert energy(result, wanted) == pytest.approx(4 * len(wanted.triangles), rel=1e-9)


def test_steps_end_before_a_triangle_loses_its_area():
    """A corner that goes from height 1 to -1 passes the base half way; one that goes up never does."""
    points, triangle = np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]])
    assert longest_step(points, np.array([[0.0, 0], [0, 0], [0, -2]]), triangle) == pytest.approx(0.5)
    assert longest_step(points, np.array([[0.0, 0], [0, 0], [3, 2]]), triangle) == np.inf
    shrinking = longest_step(points, -points, triangle)
    assert shrinking == pytest.approx(1.0)


def test_energy_of_a_map_that_turns_over_is_infinite():
    flat, wanted = flat_grid()
    folded = flat.copy()
    folded[7] = (3.5, 1.0)
    assert energy(folded, wanted) == np.inf


def test_start_that_is_turned_over_is_refused():
    flat, wanted = flat_grid()
    with pytest.raises(ValueError, match="turned over"):
        minimise(flat * (-1, 1), wanted, np.ones_like(flat, bool))


def test_packed_islands_stay_apart_and_inside():
    sizes = [(3.0, 9.0, 1.0), (2.0, 4.0, 1.0), (5.0, 5.0, 0.5), (1.0, 8.0, 1.0), (2.0, 3.0, 0.3)]
    corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    several = [Island(np.array([i]), corners[None] * size[:2], size[2]) for i, size in enumerate(sizes)]
    boxes = pack(several, 0.1, 0.1, 0.005)
    low, high = np.array([b.min((0, 1)) for b in boxes]), np.array([b.max((0, 1)) for b in boxes])
    assert low.min() >= 0
    assert (high <= 0.1 + 1e-12).all()
    assert high.max() > 0.099  # as large as fits
    apart = np.maximum(low[:, None] - high[None], low[None] - high[:, None]).max(2)
    assert (apart[~np.eye(len(boxes), dtype=bool)] >= 0.005 - 1e-12).all()


def test_stretch_of_a_known_map():
    """Twice as wide as it should be: singular values 1 and 2 before the areas are made equal."""
    corners = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    figures = stretch(corners, corners[..., :2] * (0.5, 1.0), "x")
    assert figures["x_conformal_max"] == pytest.approx(2.0)
    assert figures["x_l2"] == pytest.approx(np.sqrt((2 + 0.5) / 2))
    assert figures["x_dirichlet_max"] == pytest.approx(2 + 0.5 + 0.5 + 2)


def test_hidden_triangles_are_not_seen():
    near = np.array([[0.0, 0, 1], [2, 0, 1], [0, 2, 1]])
    behind = near * 0.4 + (0.1, 0.1, -3)
    away = near[::-1] + np.array([5.0, 0, 0])
    assert visible_share(np.stack([near, behind, away]), np.array([0.0, 0, 1])) == pytest.approx([1, 0, 0])
