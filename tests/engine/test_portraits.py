"""Portraits of which everything is known, drawn at random (`tools/portraits.py`), and what a fit scores on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import portraits  # noqa: E402
from drawing import lights, score, spectacles  # noqa: E402
from drawing import portrait as drawn  # noqa: E402
from drawing.people import Population  # noqa: E402
from nextgenface.engine.faces.choose import load_model  # noqa: E402
from nextgenface.engine.scene.colour import srgb_to_linear  # noqa: E402

COUNT, SEED = 5, 3


@pytest.fixture(scope="module")
def population():
    return Population(load_model("bundled"))


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Small pictures with few paths."""
    patch = pytest.MonkeyPatch()
    patch.setattr(drawn, "SIZE", 160)
    patch.setattr(drawn, "PATHS", 8)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def bare(population):
    return [drawn.draw(population, number, COUNT, SEED, spectacles=False) for number in range(COUNT)]


@pytest.fixture(scope="module")
def worn(population):
    return drawn.draw(population, 3, COUNT, SEED, spectacles=True)


def test_tones_are_spread_from_very_dark_to_very_light(bare):
    found = [portrait.ita for portrait in bare]
    # Beard and spots darken the face, and pigments the tone.
    assert found == sorted(found)
    assert found[0] < -40.0 and found[-1] > 25.0


def test_one_seed_draws_one_portrait_whoever_is_drawn_before(population, bare):
    again = drawn.draw(population, 3, COUNT, SEED, spectacles=False)
    other = drawn.draw(population, 3, COUNT, SEED + 1, spectacles=False)
    assert np.abs(again.image - bare[3].image).max() < 1e-5
    assert np.abs(again.vertices - other.vertices).max() > 3.0


def test_spectacles_are_put_on_the_same_person_and_what_is_hidden_is_told(bare, worn):
    assert worn.spectacles in spectacles.KINDS
    assert np.array_equal(worn.vertices, bare[3].vertices) and worn.ita == bare[3].ita
    changed = np.abs(worn.image - bare[3].image).max(2)
    hidden = worn.hidden > 0.5
    assert hidden.sum() > 20
    assert changed[hidden].mean() > 10.0 * changed[cv2.dilate(worn.hidden, np.ones((25, 25))) < 0.02].mean()


def test_what_the_head_hides_of_a_frame_is_not_drawn(population, bare):
    """A line through the head from ear to ear shows beside it, and a line before the nose is whole."""
    vertices, middle = bare[0].vertices, bare[0].vertices[population.face].mean(0)
    camera = drawn._camera(np.asarray(middle, np.float64), np.random.default_rng(0))
    scene = spectacles.TracedScene(vertices, population.model.triangles)
    widths = []
    for depth in (-60.0, 90.0):
        line = middle + np.stack([np.linspace(-25.0, 25.0, 80), np.zeros(80), np.full(80, depth)], 1)
        canvas = spectacles._Canvas(scene, camera, (drawn.SIZE, drawn.SIZE))
        canvas.draw(line, 2.0)
        widths.append(float(canvas.finished().sum()))
    assert widths[0] == 0.0 and widths[1] > 30.0


def test_lights_of_all_kinds_are_lights():
    rng = np.random.default_rng(0)
    drawn_kinds = {lights.random_light(rng)[0] for _ in range(60)}
    assert drawn_kinds == set(lights.KINDS)
    for kind in lights.KINDS.values():
        light = np.broadcast_to(kind(rng), (lights.ROWS, 2 * lights.ROWS, 3))
        assert np.isfinite(light).all() and light.max() > 0.05


def test_what_is_saved_is_read_again_with_a_cameras_curve_or_without(bare, tmp_path):
    bare[2].save(tmp_path / "plain")
    bare[2].save(tmp_path / "curved", 0.8, 1.1)
    plain, curved = (
        cv2.imread(str(tmp_path / name / drawn.PHOTO))[:, :, ::-1].astype(np.float32) / 255.0
        for name in ("plain", "curved")
    )
    np.testing.assert_allclose(srgb_to_linear(plain), bare[2].image, atol=0.01)
    # Steeper in the middle: bright is brighter, and dark darker.
    assert curved[plain.min(2) > 0.6].mean() > plain[plain.min(2) > 0.6].mean() + 0.01
    assert curved[plain.max(2) < 0.35].mean() < plain[plain.max(2) < 0.35].mean() - 0.01
    with np.load(tmp_path / "curved" / drawn.TRUTH) as truth:
        assert float(truth["ita"]) == pytest.approx(bare[2].ita) and float(truth["curve"]) == 0.8


def test_a_head_that_was_moved_turned_and_grown_is_at_no_distance(population):
    there = population.model.mean[population.face].astype(np.float64)
    turn, _ = cv2.Rodrigues(np.array([0.2, -0.5, 0.1]))
    assert score.distance(1.3 * there @ turn.T + 40.0, there) < 1e-6
    # A mirror is no turn.
    lopsided = there + np.array([0.0, 0.0, 6.0]) * (there[:, :1] > 0.0)
    assert score.distance(lopsided * (-1.0, 1.0, 1.0), lopsided) > 0.5
    bent = there + np.array([0.0, 0.0, 2.0]) * (there[:, 1:2] > np.median(there[:, 1]))
    assert 0.2 < score.distance(bent, there) < 2.0


def test_a_summary_has_the_figures_of_all():
    one = score.Score("000", -40.0, -30.0, 1.0, 1.0, "sun", "thin", True)
    scores = [one, replace(one, true_ita=40.0, ita=38.0, shape_mm=2.0, power=1.4, light="ring", worn="", found=False)]
    text = "\n".join(score.summary(scores))
    assert "6.0 degrees in the mean, 6.0 at the median, 10 at worst; +4.0 on average; factor 0.85" in text
    assert "1.50 mm" in text and "1.00 to 1.40, 1.20" in text
    assert "found on 1 of 1 that wear spectacles" in text and "found on 0 of 1 that wear none" in text
    assert "sun: ITA error of 10.0" in text


def test_the_program_draws_a_sheet_and_scores_what_it_drew(tmp_path, monkeypatch, capsys):
    assert portraits.main(["draw", "--output", str(tmp_path), "--count", "2", "--seed", "5", "--tone-curve"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"000", "001", "sheet.jpg"}
    made = score.Score("000", 1.0, 2.0, 1.0, 1.0, "sun", "", False)
    monkeypatch.setattr(score, "score", lambda folder, *_: replace(made, name=folder.name, true_ita=float(folder.name)))
    assert portraits.main(["score", str(tmp_path)]) == 0
    assert "2 portraits" in capsys.readouterr().out
    assert portraits.main(["score", str(tmp_path), "007"]) == 1
    assert "There is no portrait in" in capsys.readouterr().out
