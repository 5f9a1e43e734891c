"""ICT-FaceKit's files: names, parts and layout, and what is said where files are missing or others."""

import numpy as np
import pytest
import synthetic_ict
from nextgenface.engine.errors import FaceModelError
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.ict import _bare_model
from nextgenface.engine.faces.ict_files import (
    EXPRESSIONS,
    NEUTRAL,
    PARTS,
    arkit_name,
    checkout_files,
    read_checkout,
    read_obj,
)
from nextgenface.engine.faces.model import PART_NAMES

FEW = 3


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("FaceXModel")
    parts, vertices = synthetic_ict.write(folder, FEW)
    return folder, parts, vertices


@pytest.fixture(scope="module")
def checkout(written):
    folder, parts, vertices = written
    return read_checkout(checkout_files(folder, FEW), vertices, parts[-1].end)


@pytest.fixture(scope="module")
def model(written, checkout):
    return _bare_model(checkout, written[1])


def test_the_names_are_arkit_s():
    names = {arkit_name(name) for name in EXPRESSIONS}
    assert len(EXPRESSIONS) == len(names) == 53
    ours = set(load().expression_names)
    # ARKit's two shapes for both sides are four here, and the tongue is not among them.
    split = {"browInnerUpLeft", "browInnerUpRight", "cheekPuffLeft", "cheekPuffRight"}
    assert names - split == ours - {"browInnerUp", "cheekPuff", "tongueOut"}


def test_the_published_parts_follow_each_other():
    ends = [part.end for part in PARTS]
    assert ends == sorted(ends)
    assert {part.part for part in PARTS} - {""} <= set(PART_NAMES)


def test_lengths_come_in_millimetres_and_shapes_as_offsets(checkout):
    head = load()
    np.testing.assert_allclose(checkout.neutral.vertices[: head.vertex_count], head.mean, atol=2e-4)
    np.testing.assert_allclose(checkout.identities[2, : head.vertex_count], head.identity_basis[2], atol=3e-4)
    jaw = checkout.expressions[EXPRESSIONS.index("jawOpen"), : head.vertex_count]
    np.testing.assert_allclose(jaw, head.expression_basis[head.expression_names.index("jawOpen")], atol=3e-4)


def test_parts_are_known_and_shells_left_out(model):
    head = load()
    counts = dict(zip(PART_NAMES, np.bincount(model.face_part, minlength=len(PART_NAMES)).tolist(), strict=True))
    expected = dict(zip(PART_NAMES, np.bincount(head.face_part, minlength=len(PART_NAMES)).tolist(), strict=True))
    assert counts == expected | {"lashes": 2}
    # The shell's four vertices are the last of the file.
    assert model.original_index.tolist() == list(range(head.vertex_count + 4))
    assert (model.quads[:, 3] >= 0).mean() == (head.quads[:, 3] >= 0).mean() == 1.0


def test_no_light_is_traced_to_lashes(model):
    assert not (model.face_part[model.triangle_face] == PART_NAMES.index("lashes")).any()
    assert len(model.triangles) == 2 * (len(model.quads) - 2)


def test_the_layout_keeps_the_source_s_shapes_without_overlap(model):
    uv, skin = model.uv_face, model.face_part == 0
    assert uv.min() >= 0.0
    assert uv.max() <= 1.0
    boxes = [(uv[model.face_part == n].min((0, 1)), uv[model.face_part == n].max((0, 1))) for n in range(1, 8)]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[i + 1 :]:
            assert (low >= other_high).any() or (high <= other_low).any()
    # The skin is mirrored about the middle, as in the source.
    places = uv[skin].reshape(-1, 2)
    assert places[:, 0].min() + places[:, 0].max() == pytest.approx(1.0, abs=1e-3)


def test_both_sides_at_once_are_sliders(model):
    row = model.slider_names.index("browInnerUp")
    halves = [model.expression_basis[model.expression_names.index(f"browInnerUp{side}")] for side in ("Left", "Right")]
    np.testing.assert_allclose(model.slider_basis[row], sum(halves), atol=1e-6)
    left, right = (model.expression_names.index(f"eyeBlink{side}") for side in ("Left", "Right"))
    assert model.mirror_expression[left] == right
    assert model.mirror_expression[model.expression_names.index("jawLeft")] == model.expression_names.index("jawRight")


def test_missing_files_are_told_with_where_to_get_them(tmp_path):
    with pytest.raises(FaceModelError) as caught:
        checkout_files(tmp_path)
    assert f"{NEUTRAL} (ICT-FaceKit's face model) and 153 more" in caught.value.message
    assert "github.com/ICT-VGL/ICT-FaceKit" in caught.value.remedy


def test_another_mesh_is_told_with_what_was_expected(written):
    folder, parts, vertices = written
    files = checkout_files(folder, FEW)
    with pytest.raises(FaceModelError, match=r"expected 26384 polygons, got \d+"):
        read_checkout(files)
    with pytest.raises(FaceModelError, match=f"expected {vertices + 1} vertices, got {vertices}"):
        read_checkout(files, vertices + 1, parts[-1].end)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v 0 0 x\n", "3 numbers behind each 'v'"),
        ("v 0 0\n", "3 numbers"),
        ("v 0 0 inf\nvt 0 0\nf 1/1 1/1 1/1\n", "finite"),
        ("v 0 0 0\nvt 0 0\nf 1/1 2/1 1/1\n", "its own vertices"),
        ("v 0 0 0\nvt 0 0\nf 1/1 -1/1 1/1\n", "its own vertices"),
        ("v 0 0 0\nvt 0 0\nf 1 1 1\n", "3 or 4 corners"),
        ("v 0 0 0\nvt 0 0\nf 1/1 1/1\n", "3 or 4 corners"),
        ("v 0 0 0\n", "its own vertices"),
    ],
)
def test_a_broken_obj_is_refused(tmp_path, text, expected):
    path = tmp_path / "a.obj"
    path.write_text(text)
    with pytest.raises(FaceModelError) as caught:
        read_obj(path)
    assert expected in caught.value.message


def test_triangles_and_quads_are_read(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text(
        "o x\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0 1\nvt .5 .25\nvt 1 1 0\nf 1/1/9 2/2/9 3/1/9 4/2/9\nf 1/1 2/2 3/1\n"
    )
    mesh = read_obj(path)
    assert mesh.quads.tolist() == [[0, 1, 2, 3], [0, 1, 2, -1]]
    assert mesh.corners.tolist() == [[0, 1, 0, 1], [0, 1, 0, -1]]
    assert mesh.uv.tolist() == [[0.5, 0.25], [1.0, 1.0]]
