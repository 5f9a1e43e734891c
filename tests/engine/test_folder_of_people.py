"""A folder of photos as people have it: all sizes, endings and accidents. Good ones are all reconstructed."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]
pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")

from least_settings import LEAST_VALUES  # noqa: E402
from nextgenface.engine.cli import main  # noqa: E402
from nextgenface.engine.command_run import FAILED  # noqa: E402


@pytest.fixture
def folder(tmp_path, astronaut):
    """Nine photos of a face, three that are of no use, and what else lies about."""
    people = tmp_path / "people"
    (people / "deeper").mkdir(parents=True)
    whole = cv2.imread(str(astronaut))
    pictures = {
        "anna.png": whole,
        "BERTA.JPG": whole,
        "clara.jpeg": whole[:, ::-1],
        "dora.webp": whole[:400],
        "emma.tif": whole[10:330, 60:440],
        "frieda.bmp": cv2.resize(whole, (300, 300), interpolation=cv2.INTER_AREA),
        "greta.png": cv2.resize(whole, (1100, 1100), interpolation=cv2.INTER_CUBIC),
        "hanna.TIFF": whole[:300, 100:400, :],
        "ida.png": cv2.cvtColor(whole, cv2.COLOR_BGR2GRAY),
    }
    for name, picture in pictures.items():
        suffix = f".{name.rpartition('.')[2].lower()}"
        (people / name).write_bytes(cv2.imencode(suffix, np.ascontiguousarray(picture))[1].tobytes())
    (people / "letter.png").write_text("Dear reader, this is no picture.\n" * 40)
    cv2.imwrite(str(people / "wall.png"), np.tile(np.linspace(0, 255, 320, dtype=np.uint8), (240, 1)))
    data = cv2.imencode(".jpg", whole)[1].tobytes()
    (people / "torn.jpg").write_bytes(data[: len(data) // 2])
    # What is no photo right in the folder is left alone.
    (people / "notes.txt").write_text("Berta moved.")
    (people / ".hidden.png").write_bytes(data)
    (people / "deeper" / "zoe.jpg").write_bytes(data)
    return people


def test_of_twelve_with_three_bad_ones_nine_are_made_and_three_are_told(tmp_path, folder, capsys):
    options = [part for name, value in LEAST_VALUES.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    assert main(["--input", str(folder), "--output", str(tmp_path / "out"), *options]) == FAILED
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["BERTA", "anna", "clara", "dora", "emma", "frieda", "greta", "hanna", "ida"]
    for name in made:
        report = json.loads((tmp_path / "out" / name / "report.json").read_text("utf-8"))
        assert report["landmark_error_percent"] < 1.5, name
        assert (tmp_path / "out" / name / "render_0.png").is_file()
    shown = capsys.readouterr()
    assert "9 of 12 reconstructed." in shown.out
    skipped = [line for line in shown.out.splitlines() if line.startswith("Skipped ")]
    assert len(skipped) == 3
    for line, name, why in zip(
        skipped,
        ("letter.png", "torn.jpg", "wall.png"),
        ("is not an image", "is damaged", "No face was found"),
        strict=True,
    ):
        assert name in line and why in line
    assert "Traceback" not in shown.err
