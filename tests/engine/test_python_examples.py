"""The examples of docs/python.md do what they say, in their order."""

import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]
pytest.importorskip("mediapipe")

ROOT = Path(__file__).resolve().parents[2]
# As little as every stage can do.
LEAST = "stage2_iterations = 1\nstage3_iterations = 1\ntransfer_directions = 32\nenvMapRes = 16\nbands = 3\ndebugFrequency = 0\n"


def test_the_examples_of_the_document_run(tmp_path, astronaut, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 4
    (tmp_path / "photo.png").write_bytes(astronaut.read_bytes())
    (tmp_path / "optimConfig.ini").write_text(LEAST)
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"example {number + 1} of python.md", "exec"), names)
    assert re.search(r"\d+\.\d+ seconds", capsys.readouterr().out)
    face, camera = names["face"], names["camera"]
    assert face.diffuse.shape == (256, 256, 3)
    assert face.specular.shape == face.roughness.shape == (256, 256)
    assert 0.05 < np.median(face.diffuse[..., 0]) < 0.9
    assert np.abs(names["smiling"] - face.vertices(expression={})).max() > 1.0, "millimetres"
    assert names["picture"].shape == (camera.height, camera.width, 4) == (200, 200, 4)
    seen = names["picture"][..., 3] > 0.99
    assert 0.02 < seen.mean() < 0.9
    grey = names["in_grey_light"]
    assert 0 < grey[grey[..., 3] > 0.99][:, :3].mean() < 0.5, "skin sends back less than it gets"
    (fitted,) = names["pictures"]
    photo = names["optimizer"].pipeline.computeShape()
    assert fitted.shape == (512, 512, 4)
    before = names["before_camera"]
    assert before.shape == photo.shape
    assert before[..., 2].min() > 100, "before the camera, millimetres"
    # Where the reference's camera sees the head is where the picture shows it.
    focal = names["optimizer"].pipeline.vFocals[0]
    u, v = (focal * before[0, :, i] / before[0, :, 2] + 256 for i in (0, 1))
    rows, columns = np.nonzero(fitted[..., 3] > 0.5)
    assert abs(u.min() - columns.min()) < 3
    assert abs(v.min() - rows.min()) < 3
