"""The fitted head as a target of MakeHuman's base mesh, read back by the rules of MPFB."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pytest
from nextgenface.engine import makehuman
from nextgenface.engine.errors import OutputError
from nextgenface.engine.faces import bundled
from nextgenface.engine.makehuman import base_mesh, make_target, target_text, write_target, write_target_of
from nextgenface.engine.protocol import Result

HM08_VERTICES = 19158
# MPFB's usual scale: a decimetre is 0.1 of Blender's units.
SCALE = 0.1


def load_as_mpfb_does(text, basis):
    """(19158, 3) of a shape key: Blender's axes, index, x, z and -y, times the scale, on top of the Basis."""
    result = basis.copy()
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith(("#", '"')):
            parts = line.split(" ", 4)
            index, x, y, z = int(parts[0]), float(parts[1]), -float(parts[3]), float(parts[2])
            result[index] += np.array([x, y, z]) * SCALE
    return result


def hm08():
    """(19158, 3) Blender's axes: the head where it is, all else at nought."""
    basis, base = np.zeros((HM08_VERTICES, 3)), base_mesh()
    x, y, z = base.vertices.T
    basis[base.index] = np.stack([x, -z, y], -1) * SCALE
    return basis


def in_mm(points):
    """Blender's metres back to mm, y up."""
    x, y, z = points.T * 1000.0
    return np.stack([x, z, -y], -1)


@pytest.fixture(scope="module")
def person():
    """(V, 3) mm, somebody's head."""
    model = bundled.load()
    coefficients = np.random.default_rng(4).normal(0.0, 1.0, model.identity_count).astype(np.float32)
    return model.vertices(coefficients).astype(np.float64), model.original_index


@pytest.fixture(scope="module")
def target(person):
    return make_target(*person)


def test_the_fitted_vertices_come_back(person, target):
    base = base_mesh()
    loaded = in_mm(load_as_mpfb_does(target_text(target, "Somebody"), hm08()))[base.index]
    kept = base.keep == 1.0
    assert kept.sum() > 4600
    assert np.abs(loaded - target.offset * 100.0 - person[0])[kept].max() < 0.01
    assert np.abs(person[0] - base.vertices * 100.0 + target.offset * 100.0)[kept].max() > 3.0, "no plain hm08"


def test_the_neck_joins_the_body_without_a_step(target):
    base = base_mesh()
    deltas = target.deltas[np.searchsorted(target.index, base.index)]
    rim = base.keep == 0.0
    assert rim.sum() == 42, "the loop of the cut"
    assert not deltas[rim].any()
    quads = bundled.load().quads
    steps = np.abs(base.keep[quads] - base.keep[np.roll(quads, 1, 1)])
    assert steps.max() < 0.3, "six loops of fading"


def test_eyes_teeth_and_bones_come_along(target):
    base, model = base_mesh(), bundled.load()
    deltas = dict(zip(target.index.tolist(), target.deltas, strict=True))
    assert {14598, 14669, 14992, 15127, 13380, 13605} <= set(deltas), "eyes, teeth, tongue"
    eye = np.unique(model.quads[model.face_part == 2])
    mean = np.mean([deltas[number] for number in model.original_index[eye]], 0)
    assert np.allclose([deltas[number] for number in range(13606, 13614)], mean), "the joint of the left eye"
    lashes = [number for number in range(14742, 14992) if number in deltas]
    assert len(lashes) == 250
    # The body stays: the cubes of a hand and of the pelvis.
    assert not {14030, 13622} & set(deltas)
    assert len(base.follower_index) + len(base.index) == len(target.index)


def test_lines_are_as_makehuman_writes_them(target):
    lines = target_text(target, "Some\nbody").splitlines()
    remarks = [line for line in lines if line.startswith("#")]
    assert lines[: len(remarks)] == remarks
    assert "hm08: Some body" in remarks[0]
    number = r"-?(\d+|\d*\.\d{1,5})"
    assert all(re.fullmatch(rf"\d+ {number} {number} {number}", line) for line in lines[len(remarks) :])
    numbers = [int(line.split()[0]) for line in lines[len(remarks) :]]
    assert numbers == sorted(set(numbers))


def test_a_human_gets_the_head_whatever_its_other_keys_do(person):
    base, rng = base_mesh(), np.random.default_rng(1)
    current = rng.normal(0.0, 0.5, (HM08_VERTICES, 3))
    current[base.index] = base.vertices * 0.95 + 0.1
    target = make_target(*person, current)
    deltas = target.deltas[np.searchsorted(target.index, base.index)]
    loaded = (current[base.index] + deltas - target.offset) * 100.0
    assert np.abs(loaded - person[0])[base.keep == 1.0].max() < 1e-6


def test_eyes_that_were_not_built_go_with_their_sockets(person):
    vertices, numbers = person
    eyes = (numbers >= 14598) & (numbers < 14742)
    whole = make_target(vertices, numbers)
    lacking = make_target(vertices[~eyes], numbers[~eyes])
    rows = np.isin(whole.index, numbers[eyes])
    assert np.abs(whole.deltas[rows] - lacking.deltas[rows]).max() < 0.05, "5 mm of a move of some 20"
    others = ~rows & (whole.index < 13380)
    assert np.allclose(whole.deltas[others], lacking.deltas[others])


@pytest.mark.parametrize(
    "change", [lambda n: n + 20000, lambda n: np.arange(len(n)), lambda n: n[:0], lambda n: n[:1000]]
)
def test_another_model_s_head_is_refused(person, change):
    numbers = change(person[1])
    with pytest.raises(OutputError, match="not the vertices"):
        make_target(person[0][: len(numbers)], numbers)


def test_a_result_becomes_a_file_plain_or_compressed(person, tmp_path):
    np.savez(tmp_path / "head.npz", vertices=person[0].astype(np.float32), original_index=person[1])
    result = tmp_path / "result.json"
    result.write_text(Result(name="Ada").to_json(), "utf-8")
    write_target_of(result, tmp_path / "new" / "ada.target")
    write_target_of(result, tmp_path / "ada.target.gz")
    plain = (tmp_path / "new" / "ada.target").read_text("utf-8")
    assert gzip.decompress((tmp_path / "ada.target.gz").read_bytes()).decode() == plain
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_what_cannot_be_written_is_told(target, person, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        write_target(tmp_path / "file" / "a.target", target, "Ada")
    with pytest.raises(OutputError, match="no result"):
        write_target_of(tmp_path / "result.json", tmp_path / "a.target")
    values = json.loads(Result(face_model="ict").to_json())
    np.savez(tmp_path / "head.npz", vertices=person[0], original_index=person[1])
    (tmp_path / "result.json").write_text(json.dumps(values), "utf-8")
    with pytest.raises(OutputError, match="not the vertices"):
        write_target_of(tmp_path / "result.json", tmp_path / "a.target")
    assert not list(tmp_path.glob("*.target"))


def test_a_broken_base_mesh_is_told(monkeypatch, tmp_path):
    makehuman.base_mesh.cache_clear()
    monkeypatch.setattr(makehuman, "DATA", tmp_path / "hm08.npz")
    with pytest.raises(OutputError, match="cannot be read"):
        base_mesh()
