"""Series of fits that differ in one thing: what is fitted, and how growth is told."""

from __future__ import annotations

import numpy as np
import pytest
import scaling
from nextgenface.engine.photos.reading import read_photo
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.results.png import write_png
from scaling import Measured
from scoring.cases import BenchmarkError
from scoring.fitting import Timing


@pytest.fixture
def photo(tmp_path):
    """384 x 256 pixels, red."""
    path = tmp_path / "photo.png"
    write_png(path, np.tile(np.array([200, 0, 0], np.uint8), (256, 384, 1)))
    return path


def test_a_photo_is_scaled_to_each_size_and_fitted_at_it(photo, tmp_path):
    series = scaling.size_series(photo, [192, 96], tmp_path)
    assert [(job.value, job.amount, job.changes) for job in series.jobs] == [
        (96, 9216.0, {"fit_size": 96}),
        (192, 36864.0, {"fit_size": 192}),
    ]
    pictures = [read_photo(job.photos[0], SilentReporter()).srgb8 for job in series.jobs]
    assert [picture.shape for picture in pictures] == [(64, 96, 3), (128, 192, 3)]
    assert (pictures[0] == [200, 0, 0]).all()


def test_a_photo_is_never_enlarged(photo, tmp_path):
    with pytest.raises(BenchmarkError, match=r"only 384 pixels\. Give a photo of 512"):
        scaling.size_series(photo, [192, 512], tmp_path)


def test_photos_are_taken_in_turn_where_more_are_asked_for(photo, tmp_path):
    other = tmp_path / "other.png"
    (three,) = scaling.photo_series([photo, other], [3]).jobs
    assert three.photos == (photo, other, photo)
    assert three.amount == 3.0


def test_growth_is_told_against_the_line_above():
    found = [
        Measured(512, 1.0, Timing(10.0, None, 900.0)),
        Measured(1024, 4.0, Timing(25.0, None, None)),
        Measured(2048, 16.0, None, "Too large."),
        Measured(4096, 64.0, Timing(50.0, None, 2000.0)),
    ]
    assert scaling.table("maps", found).splitlines()[2:] == [
        "| 512 | 10.0 | 900 | - | - |",
        "| 1024 | 25.0 | - | 4.0 | 2.50 |",
        "| 2048 | Too large. | - | - | - |",
        "| 4096 | 50.0 | 2000 | - | - |",
    ]
