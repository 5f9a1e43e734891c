"""The layout of a skin that brings no UVs: no folds, mirrored, holes spanned; and the places on a surface it rests on."""

import numpy as np
import pytest
import synthetic_basel
from nextgenface.engine.errors import FaceModelError
from nextgenface.engine.faces.disk_layout import boundary_loops, disk_layout, folded
from nextgenface.engine.faces.surface import closest_places, middle_x, mirror_vertices

ROWS, COLUMNS = 31, 29


@pytest.fixture(scope="module")
def face():
    model = synthetic_basel.small(ROWS, COLUMNS)
    return model.shape.mean, model.triangles


def _hole(triangles, mean, centre, radius):
    middle = mean[triangles].mean(1)
    return triangles[np.linalg.norm(middle - mean[centre], axis=1) > radius]


def test_no_triangle_is_folded_and_all_lie_in_the_disk(face):
    mean, triangles = face
    layout = disk_layout(mean, triangles)
    assert not folded(layout, triangles).any()
    assert np.linalg.norm(layout, axis=1).max() <= 1.0 + 1e-9
    # The forehead is up, and the subject's left on the right.
    assert np.corrcoef(layout[:, 0], mean[:, 0])[0, 1] > 0.9
    assert np.corrcoef(layout[:, 1], mean[:, 1])[0, 1] > 0.9


def test_the_layout_is_mirrored_as_the_face_is(face):
    mean, triangles = face
    layout = disk_layout(mean, triangles)
    other = mirror_vertices(mean)
    np.testing.assert_allclose(mean[other], mean * (-1, 1, 1), atol=1e-9)
    np.testing.assert_allclose(layout[other], layout * (-1, 1), atol=1e-6)


def test_what_stands_out_is_not_squeezed(face):
    mean, triangles = face
    layout = disk_layout(mean, triangles)

    def area(points):
        a, b, c = (np.pad(points, ((0, 0), (0, 3 - points.shape[1])))[triangles[:, i]] for i in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1)

    density = area(layout) / area(mean)
    # Mean value coordinates alone leave the least dense hundredth at 0.32 of the median, stretch minimised at 0.83.
    assert np.quantile(density, 0.01) / np.median(density) > 0.6


def test_holes_are_spanned(face):
    mean, triangles = face
    eye = int(np.linalg.norm(mean - (25, 30, 70), axis=1).argmin())
    open_eyed = _hole(_hole(triangles, mean, eye, 12.0), mean, mirror_vertices(mean)[eye], 12.0)
    assert len(boundary_loops(triangles)) == 1
    assert len(boundary_loops(open_eyed)) == 3
    layout = disk_layout(mean, open_eyed)
    assert not folded(layout, open_eyed).any()


def test_the_rim_runs_with_the_surface_to_its_left(face):
    mean, triangles = face
    (loop,) = boundary_loops(triangles)
    assert len(loop) == 2 * (ROWS + COLUMNS) - 4
    x, y = mean[loop, :2].T
    assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0


def test_a_closed_surface_is_refused():
    tetrahedron = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32)
    with pytest.raises(FaceModelError, match="rim"):
        disk_layout(np.eye(4, 3), tetrahedron)


def test_the_nearest_place_is_found_on_faces_and_over_edges():
    vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [2, 2, 0]], float)
    triangles = np.array([[0, 1, 2], [1, 3, 2]])
    points = np.array([[0.5, 0.5, 3.0], [1.5, 1.5, -1.0], [1.0, -5.0, 0.0], [9.0, 9.0, 1.0]])
    triangle, weights = closest_places(points, vertices, triangles)
    places = np.einsum("nc,ncx->nx", weights, vertices[triangles[triangle]])
    np.testing.assert_allclose(places, [[0.5, 0.5, 0], [1.5, 1.5, 0], [1, 0, 0], [2, 2, 0]], atol=1e-9)
    assert triangle[:2].tolist() == [0, 1]


def test_the_middle_is_found_wherever_the_face_stands(face):
    mean, _ = face
    assert middle_x(mean + np.array([7.3, 0, 0])) == pytest.approx(7.3, abs=0.01)
