"""The head's window, and the mask of its skin."""

from __future__ import annotations

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")
pytest.importorskip("PIL")

from pathlib import Path  # noqa: E402

from nextgenface.engine.landmarks.schemes import MEDIAPIPE  # noqa: E402
from nextgenface.engine.photos.crop import FaceCrop, crop_face  # noqa: E402
from nextgenface.engine.photos.masks import brow_mask, skin_mask  # noqa: E402
from nextgenface.engine.photos.reading import Photo  # noqa: E402
from nextgenface.engine.scene.camera import Camera  # noqa: E402
from nextgenface.engine.scene.colour import linear_to_srgb, linear_to_srgb8, srgb_to_linear  # noqa: E402

FOREHEAD = 151


def a_photo(width, height, values=None):
    y, x = np.mgrid[0:height, 0:width]
    if values is None:
        values = np.stack([30 + 150 * x / width, 40 + 120 * y / height, np.full((height, width), 90)], -1)
    return Photo(Path("a.png"), values.astype(np.uint8))


def box(left, top, right, bottom):
    return np.array([[left, top], [right, bottom]], np.float32)


@pytest.mark.parametrize(("width", "height", "face"), [(900, 700, (400, 200, 540, 380)), (120, 100, (40, 30, 80, 80))])
def test_a_place_of_the_photo_is_found_again_in_the_crop(width, height, face):
    """A smooth picture has the same colour at matching places, whether it got smaller or larger."""
    photo = a_photo(width, height)
    crop = crop_face(photo, box(*face), 256)
    assert max(crop.width, crop.height) == 256
    inner = np.random.default_rng(0).uniform(0.2, 0.8, (50, 2)) * [crop.width, crop.height]
    there = inner / crop.scale + [crop.left, crop.top]
    seen = sample(linear_to_srgb(crop.linear), inner)
    np.testing.assert_allclose(seen, sample(photo.encoded / 255, there), atol=0.006)
    np.testing.assert_allclose(crop.from_photo(there.astype(np.float32)), inner, atol=1e-3)


def sample(image, places):
    maps = (places - 0.5).astype(np.float32)
    return cv2.remap(image.astype(np.float32), maps[:, :1], maps[:, 1:], cv2.INTER_LINEAR)[:, 0]


def test_the_crop_ends_where_the_photo_ends():
    crop = crop_face(a_photo(300, 300), box(20, 30, 180, 230), 128)
    assert crop.left >= 0 and crop.top >= 0
    assert crop.left + crop.width / crop.scale <= 300 + 1e-6
    assert crop.top + crop.height / crop.scale <= 300 + 1e-6
    assert crop.height == 128 and crop.width < 128


def test_the_whole_head_fits_into_the_crop():
    crop = crop_face(a_photo(1000, 1000), box(420, 400, 580, 600), 256)
    assert crop.left < 370 and crop.left + crop.width / crop.scale > 630
    assert crop.top < 340 and crop.top + crop.height / crop.scale > 630


def test_the_crops_camera_sees_the_same():
    photo = a_photo(900, 700)
    crop = crop_face(photo, box(400, 200, 540, 380), 256)
    camera = Camera(900, 700, 1400.0, 450.0, 350.0, np.eye(3), np.array([0.0, 0.0, -900.0]))
    points = np.random.default_rng(0).normal(size=(10, 3)) * 50
    expected = crop.from_photo(camera.project(points).astype(np.float32))
    np.testing.assert_allclose(crop.camera(camera).project(points), expected, atol=1e-2)


def test_reduction_is_free_of_aliases():
    """A fine chequerboard becomes its mean light, not a pattern."""
    y, x = np.mgrid[0:1024, 0:1024]
    board = np.repeat((255 * ((x + y) % 2))[..., None], 3, 2)
    crop = crop_face(a_photo(1024, 1024, board), box(200, 200, 800, 800), 128)
    assert np.abs(crop.linear - 0.5).max() < 0.06


# --- the mask ---------------------------------------------------------------------------------------------------------


def face_points(size):
    """MediaPipe's rings as ellipses on a drawn face; all other points in its middle."""
    points = np.full((478, 2), size / 2, np.float32)

    def ring(numbers, centre, radii, start=0.0):
        angle = start + np.linspace(0, 2 * np.pi, len(numbers), endpoint=False)
        points[list(numbers)] = np.array(centre) + np.stack([np.sin(angle), -np.cos(angle)], -1) * radii

    half = size / 2
    ring(MEDIAPIPE.oval, (half, half), (0.3 * size, 0.4 * size))
    for eye, x in ((MEDIAPIPE.right_eye, 0.38), (MEDIAPIPE.left_eye, 0.62)):
        ring(eye, (x * size, 0.42 * size), (0.06 * size, 0.03 * size))
    ring(MEDIAPIPE.inner_lips, (half, 0.7 * size), (0.08 * size, 0.03 * size))
    # From the subject's right temple over the brows to the left one, and back along their lower edges.
    upper = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
    lower = (46, 53, 52, 65, 55, 285, 295, 282, 283, 276)
    for brows, height in ((upper, 0.36), (lower, 0.38)):
        points[list(brows)] = np.stack([np.linspace(0.25, 0.75, 10) * size, np.full(10, height * size)], -1)
    return points


def a_crop(colour, size=200):
    linear = np.empty((size, size, 3), np.float32)
    linear[:] = srgb_to_linear(np.array(colour, np.uint8))
    return FaceCrop(linear, None, 0.0, 0.0, 1.0)


TONES = {"light": (240, 205, 185), "medium": (190, 140, 110), "dark": (70, 45, 35), "very dark": (38, 24, 19)}


@pytest.mark.parametrize("tone", TONES)
def test_all_skin_counts_whatever_its_tone(tone):
    """Side light of a factor of four, and grain, are no reason to doubt."""
    crop = a_crop(TONES[tone])
    rng = np.random.default_rng(0)
    crop.linear[:] *= np.linspace(0.25, 1.0, 200, dtype=np.float32)[None, :, None] ** 1.0
    crop.linear[:] *= np.exp(0.03 * rng.normal(size=(200, 200, 1))).astype(np.float32)
    mask = skin_mask(crop, face_points(200))
    cheek = mask[110:130, 60:140]
    assert cheek.min() > 0.8
    assert mask[:15].max() == 0.0 and mask[100, :30].max() == 0.0
    assert mask[84, 76] == 0.0 and mask[84, 124] == 0.0 and mask[140, 100] == 0.0


def test_highlights_and_black_do_not_count():
    crop = a_crop(TONES["medium"])
    crop.linear[100:110, 95:105] = 1.0
    crop.linear[120:126, 70:76] = 0.0005
    mask = skin_mask(crop, face_points(200))
    assert mask[102:108, 97:103].max() < 0.05
    assert mask[122:124, 72:74].max() < 0.3
    assert mask[115, 130] > 0.9


def test_trust_falls_smoothly_towards_what_is_blown_out():
    """From nearly clipped to clipped in one channel: less and less, and nothing at the end."""
    crop = a_crop(TONES["medium"])
    reds = np.array([0.88, 0.93, 0.95, 0.96, 0.97, 0.985, 1.0])
    for number, red in enumerate(reds):
        crop.linear[100:120, 50 + 14 * number : 64 + 14 * number] = srgb_to_linear(np.uint8(255 * red * np.ones(3)))
        crop.linear[100:120, 50 + 14 * number : 64 + 14 * number, 1:] *= (0.6, 0.5)
    mask = skin_mask(crop, face_points(200))
    trust = np.array([mask[110, 57 + 14 * number] for number in range(len(reds))])
    assert trust[0] > 0.9 and trust[-1] < 0.02 and trust[-2] < 0.02
    assert (np.diff(trust) <= 1e-3).all()
    assert ((trust > 0.1) & (trust < 0.9)).sum() >= 2, "no step"


def test_rims_of_lids_count_where_they_are_asked_for():
    """Just beyond the detector's points lie lashes and the wet rim: no lit skin, but a part of its map."""
    crop, points = a_crop(TONES["medium"]), face_points(200)
    plain, whole = skin_mask(crop, points), skin_mask(crop, points, rims=True)
    below = (91, 76), (91, 124)
    assert all(plain[place] < 0.05 and whole[place] > 0.5 for place in below)
    # What lies between the lids never counts, and the rims of open lips are wet.
    for mask in (plain, whole):
        assert mask[84, 76] == 0.0 and mask[84, 124] == 0.0 and mask[147, 100] < 0.05
    np.testing.assert_array_equal(plain[100:], whole[100:])


def test_what_lies_between_closed_lips_counts():
    """Though the detector sees them ajar."""
    crop, points = a_crop(TONES["medium"]), face_points(200)
    assert skin_mask(crop, points, lips_closed=True)[136:144, 95:105].min() > 0.9
    assert skin_mask(crop, points)[136:144, 95:105].max() == 0.0


def test_thick_brows_count():
    """The detector's points lie inside a thick brow."""
    crop = a_crop(TONES["light"])
    crop.linear[69:76, 60:90] = srgb_to_linear(np.array([60, 45, 35], np.uint8))
    mask = skin_mask(crop, face_points(200))
    assert mask[70:76, 64:86].min() > 0.6


def test_raised_brows_count_and_hair_that_comes_from_outside_does_not():
    crop = a_crop(TONES["light"])
    hair = srgb_to_linear(np.array([60, 45, 35], np.uint8))
    crop.linear[54:62, 62:90] = hair
    crop.linear[20:62, 110:124] = hair
    mask = skin_mask(crop, face_points(200))
    assert mask[56:60, 66:86].min() > 0.6
    assert mask[30:60, 113:121].max() < 0.35


def test_a_far_brow_that_ends_at_the_faces_border_counts():
    """Seen from aside, the outline cuts the far brow; a strand that hangs in from there, or hair along it, is hair."""
    hair = srgb_to_linear(np.array([60, 45, 35], np.uint8))
    crop = a_crop(TONES["light"])
    crop.linear[61:69, 45:75] = hair
    assert skin_mask(crop, face_points(200))[63:67, 50:70].min() > 0.6
    along = a_crop(TONES["light"])
    along.linear[35:75, 45:62] = hair
    assert skin_mask(along, face_points(200))[50:60, 54:60].max() < 0.35
    strand = a_crop(TONES["light"])
    strand.linear[18:69, 80:90] = hair
    assert skin_mask(strand, face_points(200))[45:66, 83:87].max() < 0.35


def test_a_fringe_does_not_count_and_a_beard_does():
    crop = a_crop(TONES["light"])
    hair = srgb_to_linear(np.array([60, 45, 35], np.uint8))
    crop.linear[20:60] = hair
    crop.linear[150:178, 80:120] = hair
    mask = skin_mask(crop, face_points(200))
    assert mask[28:55, 85:115].max() < 0.35
    assert mask[152:170, 85:115].min() > 0.6


def test_a_coloured_thing_does_not_count():
    crop = a_crop(TONES["medium"])
    crop.linear[100:130, 130:150] = srgb_to_linear(np.array([20, 60, 220], np.uint8))
    mask = skin_mask(crop, face_points(200))
    assert mask[105:125, 134:146].max() < 0.1


def test_alpha_and_the_persons_outline_cut():
    crop = a_crop(TONES["medium"])
    person = np.ones((200, 200), np.float32)
    person[:, :80] = 0.0
    mask = skin_mask(crop, face_points(200), person)
    assert mask[:, :78].max() == pytest.approx(0.0, abs=0.02)
    assert mask[115, 110] > 0.9
    cut = FaceCrop(crop.linear, person, 0.0, 0.0, 1.0)
    np.testing.assert_allclose(skin_mask(cut, face_points(200)), mask)


def test_skin_beyond_the_detectors_oval_counts_where_the_face_is_known_to_be():
    """A strip on one side; what is far from the oval, and what is not known, does not count."""
    crop = a_crop(TONES["medium"])
    plain = skin_mask(crop, face_points(200))
    edge = int(np.flatnonzero(plain[110] > 0.5).max())
    known = np.zeros((200, 200), bool)
    known[90:130, edge - 5 :] = True
    wider = skin_mask(crop, face_points(200), None, known)
    assert wider[110, edge + 4] > 0.9 and plain[110, edge + 4] < 0.1
    assert wider[110, edge + 30 :].max() == 0.0
    assert wider[:80].sum() == pytest.approx(plain[:80].sum(), rel=0.02)


def test_brows_are_where_the_detector_has_them():
    mask = brow_mask(a_crop(TONES["light"]), face_points(200))
    rows, columns = np.nonzero(mask)
    # The points lie between 0.36 and 0.38 of the height, and from a quarter to three quarters of the width.
    assert mask[74, 60] == 1.0 and mask[74, 140] == 1.0
    assert 60 < rows.min() < 72 and 76 < rows.max() < 88
    assert 38 < columns.min() < 50 and 150 < columns.max() < 162


def test_pictures_are_encoded_back():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(linear_to_srgb8(srgb_to_linear(values)), values)
