"""Path-traced pictures: where things are, which way textures and light lie, and that the same seed gives the same picture."""

import numpy as np
import pytest
from devices import DEVICE
from nextgenface.engine.render.path import make_sensor, render, split_at_seams, vertex_normals
from nextgenface.engine.render.variant import activate
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.light import Light
from render_scenes import front_camera, sphere, surface_of, unit
from scipy.spatial.transform import Rotation

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True, scope="module")
def renderer():
    """Chosen before anything imports Dr.Jit."""
    activate(DEVICE)


@pytest.fixture(scope="module")
def ball():
    return sphere(80.0, 32, 64)


def picture_of(ball, diffuse, light, camera=None, **options):
    """A matt ball under ``light``."""
    vertices, triangles = ball
    level, rough = np.zeros((2, 2)), np.ones((2, 2))
    camera = camera or front_camera(32)
    return render(vertices, surface_of(vertices, triangles), diffuse, level, rough, light, camera, **options)


def test_mitsubas_camera_is_ours_to_a_hundredth_of_a_pixel():
    import mitsuba as mi

    turn = Rotation.from_euler("xyz", [10, -25, 8], degrees=True).as_matrix()
    camera = Camera(160, 120, 210.0, 71.0, 66.5, turn, np.array([5.0, -8.0, -600.0]))
    pixels = np.random.default_rng(0).uniform([0, 0], [160, 120], (50, 2))
    place = mi.Point2f((pixels / [160, 120]).T.astype(np.float32))
    ray, _ = make_sensor(camera).sample_ray(0.0, 0.5, place, mi.Point2f(0.5))
    points = np.array(ray.o).T + 600.0 * np.array(ray.d).T
    assert np.abs(camera.project(points) - pixels).max() < 0.01


def test_white_ball_in_a_white_room_is_as_bright_as_the_room(ball):
    room = Light.constant((0.5, 1.0, 2.0))
    found = picture_of(ball, np.ones((2, 2, 3)), room, samples=64, depth=6)
    inside = found.coverage > 0.999
    assert np.allclose(found.image[inside].mean(0), [0.5, 1.0, 2.0], rtol=0.01)
    assert found.image[found.coverage == 0].max() == 0.0


def test_first_row_of_a_texture_is_up_and_its_first_column_left(ball):
    texture = np.zeros((2, 2, 3), np.float32)
    texture[0, 0], texture[0, 1], texture[1, 0] = [1, 0, 0], [0, 1, 0], [0, 0, 1]
    image = picture_of(ball, texture, Light.constant((1.0, 1.0, 1.0)), samples=32, depth=1).image
    top_left, top_right, bottom_left = image[10, 10], image[10, 21], image[21, 10]
    assert [int(part.argmax()) for part in (top_left, top_right, bottom_left)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("column", "row", "towards"),
    [(16, 8, [1, 0, 0]), (24, 8, [0, 0, 1]), (24, 1, [0, 0.98, 0.2])],
    ids=["left of the subject", "front", "above"],
)
def test_light_comes_from_where_the_image_says(ball, column, row, towards):
    """Lambert: where the lamp is seen, a matt ball is as bright as its normal points at the lamp."""
    image = np.zeros((16, 32, 3), np.float32)
    image[max(0, row - 1) : row + 1, column - 1 : column + 1] = 50.0
    camera = front_camera(32)
    found = picture_of(ball, np.full((2, 2, 3), 0.5), image, camera, samples=128, depth=1)
    rows, columns = np.nonzero(found.coverage > 0.999)
    rays = camera.rays(np.stack([columns, rows], 1) + 0.5)
    along = -(rays @ camera.centre)
    normals = unit(
        camera.centre + rays * (along - np.sqrt(along**2 - camera.centre @ camera.centre + 79.5**2))[:, None]
    )
    shade = found.image[rows, columns, 0]
    lit = shade > 0.1 * shade.max()
    fitted = np.linalg.lstsq(normals[lit], shade[lit], rcond=None)[0]
    assert unit(fitted) @ towards > 0.97


def test_the_seed_decides(ball):
    room = Light.constant((1.0, 1.0, 1.0))
    one, again, other = (picture_of(ball, np.ones((2, 2, 3)), room, samples=4, seed=s).image for s in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_many_passes_make_the_picture_of_one(ball, monkeypatch):
    """What is traced in parts has the same mean; nothing is lost or counted twice."""
    room = Light.constant((1.0, 1.0, 1.0))
    whole = picture_of(ball, np.full((2, 2, 3), 0.5), room, samples=48).image
    monkeypatch.setattr("nextgenface.engine.render.path.MOST_RAYS", 32 * 32 * 5)
    calls = []
    parts = picture_of(ball, np.full((2, 2, 3), 0.5), room, samples=48, between_passes=lambda: calls.append(1)).image
    assert len(calls) == 10 and abs(parts.mean() / whole.mean() - 1) < 0.01


def test_seams_are_split_and_only_there():
    triangles = np.array([[0, 1, 2], [2, 1, 3]])
    uv = np.array([[[0, 0], [1, 0], [0, 1]], [[0, 1], [0.5, 0], [1, 1]]], np.float32)
    split = split_at_seams(triangles, uv)
    assert len(split.source) == 5 and np.array_equal(split.source[split.triangles], triangles)
    assert np.array_equal(split.uv[split.triangles], uv)


def test_normals_of_a_ball_point_outwards(ball):
    vertices, triangles = ball
    assert (vertex_normals(vertices, triangles) * unit(vertices)).sum(1).min() > 0.999
