"""Memory that runs out in a real fit: the run ends with smaller results that say so."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")
Image = pytest.importorskip("PIL.Image")

from least_settings import LEAST_VALUES  # noqa: E402
from nextgenface.engine.fit.frugal import reconstruct  # noqa: E402
from nextgenface.engine.progress import STAGE_SHARES  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SMALL = Settings.from_dict(LEAST_VALUES | {"fit_size": 256, "texture_size": 512})


class Forgetful(SilentReporter):
    """Has no memory the first time that ``stage`` is in the middle of its work."""

    def __init__(self, stage: str) -> None:
        self.stage, self.failed, self.warnings = stage, False, []

    def progress(self, stage, step, steps, loss=None):
        if stage == self.stage and not self.failed:
            self.failed = True
            raise MemoryError

    def warn(self, message):
        self.warnings.append(message)


@pytest.mark.parametrize(
    "stage",
    # One at once, and every one in the long run.
    [stage if stage == "textures" else pytest.param(stage, marks=pytest.mark.slow) for stage in STAGE_SHARES],
)
def test_memory_that_runs_out_in_a_stage_does_not_lose_the_run(tmp_path, astronaut, stage):
    told = Forgetful(stage)
    result = reconstruct([astronaut], tmp_path / "out", SMALL, told)
    report = json.loads((result.parent / "report.json").read_text("utf-8"))
    assert told.failed
    assert report["warnings"] == told.warnings
    sizes = report["settings"]["fit_size"], report["settings"]["texture_size"]
    assert sizes == ((256, 256) if stage in ("stage3", "textures", "render", "write") else (128, 512))
    with Image.open(result.parent / "diffuseMap_0.png") as diffuse:
        assert diffuse.size == (sizes[1], sizes[1])
