"""The silhouette against renders of a head that looks aside, whose outline is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import heads  # noqa: E402
from nextgenface.engine.fit.head import DifferentiableCamera, DifferentiableHead  # noqa: E402
from nextgenface.engine.fit.photometric import View  # noqa: E402
from nextgenface.engine.fit.refine import face_height  # noqa: E402
from nextgenface.engine.fit.silhouette import Silhouette, find_silhouette, skin_aside  # noqa: E402
from nextgenface.engine.render.geometry import TracedScene  # noqa: E402
from nextgenface.engine.render.path import render  # noqa: E402
from nextgenface.engine.render.transfer import primary_hits  # noqa: E402
from nextgenface.engine.scene.light import Light  # noqa: E402

SIZE = 256


@pytest.fixture(scope="module")
def aside() -> heads.Portrait:
    """The known head, seen from its right."""
    known = heads.portrait()
    camera = heads.front_camera(SIZE)
    turn, _ = cv2.Rodrigues(np.array([0.05, 0.55, 0.0]))
    truth = replace(known.truth, camera=replace(camera, rotation=turn))
    maps = heads.statistical_maps(known.model, truth.reflectance)
    light = Light(truth.light).image(32)
    picture = render(truth.vertices, known.model, *maps, light, truth.camera, samples=32, depth=2, seed=3)
    # A background between light and dark, as in a room.
    image = picture.image + 0.12 * (1.0 - picture.coverage[:, :, None])
    view = View(image.astype(np.float32), heads.skin_mask(known.model, truth.vertices, truth.camera), truth.camera)
    points = heads.landmark_pixels(known.model, truth.vertices, truth.camera)
    return heads.Portrait(known.model, view, points, truth)


def _found(
    aside: heads.Portrait,
    vertices: np.ndarray,
    image: np.ndarray | None = None,
    person: np.ndarray | None = None,
    exact: bool = False,
) -> Silhouette:
    head = DifferentiableHead(aside.model)
    scene = TracedScene(vertices, aside.model.triangles)
    normals = head.vertex_normals(torch.from_numpy(vertices)).numpy()
    view = replace(aside.view, image=aside.view.image if image is None else image, person=person)
    return find_silhouette(aside.model, scene, normals, view, face_height(aside.points), exact)


def _disturbed(aside: heads.Portrait) -> np.ndarray:
    """The head with another shape, one to two pixels off at the outline."""
    rng = np.random.default_rng(2)
    identity = aside.truth.identity + 1.6 * rng.normal(size=aside.model.identity_count).astype(np.float32)
    return aside.model.vertices(identity, aside.truth.expression)


def _gaps(aside: heads.Portrait, found: Silhouette) -> np.ndarray:
    """(N,) pixels from the edges found to the true head's outline, along the normals: the last that hits the head."""
    steps = np.arange(-6.0, 6.0, 0.1, dtype=np.float32)
    place = found.target.numpy()[:, None] + steps[None, :, None] * found.normal.numpy()[:, None]
    scene = TracedScene(aside.truth.vertices, aside.model.triangles)
    triangle, _ = primary_hits(scene, aside.truth.camera, place.reshape(-1, 2))
    hit = triangle.reshape(len(place), -1) >= 0
    return steps[hit.shape[1] - 1 - hit[:, ::-1].argmax(1)]


def test_the_edges_of_the_true_head_are_its_own(aside):
    found = _found(aside, aside.truth.vertices)
    assert len(found.part) > 25
    assert np.abs(np.median(_gaps(aside, found))) < 0.3
    assert np.quantile(np.abs(_gaps(aside, found)), 0.9) < 1.0


def test_the_edges_near_another_head_are_the_photo_s(aside):
    vertices = _disturbed(aside)
    found = _found(aside, vertices)
    ends = vertices[found.ends.numpy()]
    model = aside.truth.camera.project(ends[:, 0] + found.part.numpy()[:, None] * (ends[:, 1] - ends[:, 0]))
    before = np.abs(((model - found.target.numpy()) * found.normal.numpy()).sum(1))

    assert len(found.part) > 20 and before.mean() > 1.2
    assert np.abs(_gaps(aside, found)).mean() < 0.35 * before.mean()


def test_the_head_s_bare_side_has_edges_above_the_mouth_and_ears_and_neck_have_none(aside):
    found = _found(aside, aside.truth.vertices)
    ends, regions = found.ends.numpy(), aside.model.regions
    beside_the_face = (regions["face"][ends] < 0.2).all(1)
    assert beside_the_face.sum() >= 3
    assert aside.model.mean[ends[beside_the_face], 1].min() > aside.model.mean[regions["lips"] > 0.5, 1].max()
    assert regions["ears"][ends].max() < 0.5 and regions["neck"][ends[beside_the_face]].max() < 0.1


def test_hair_over_the_edge_is_no_edge_of_the_face(aside):
    """A dark lock along the lower half of the outline."""
    plain = _found(aside, aside.truth.vertices)
    places = plain.target.numpy()
    low = places[places[:, 1] > np.median(places[:, 1])]
    image = aside.view.image.copy()
    for x, y in np.round(low).astype(int).tolist():
        cv2.circle(image, (x, y), 9, (0.012, 0.01, 0.008), -1)
    covered = _found(aside, aside.truth.vertices, image)
    below = covered.target.numpy()[:, 1] > np.median(places[:, 1]) + 9
    assert below.sum() < 0.2 * len(low)
    assert (~below).sum() > 0.5 * (len(places) - len(low))


def _rim_lit(aside: heads.Portrait, width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """The picture before a bright wall, with a bluish rim of light so many pixels wide, nearly as bright; and the person's
    mask.
    """
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    pixels = np.stack([columns.ravel(), rows.ravel()], 1) + 0.5
    triangle, _ = primary_hits(TracedScene(aside.truth.vertices, aside.model.triangles), aside.truth.camera, pixels)
    person = (triangle >= 0).reshape(SIZE, SIZE).astype(np.float32)
    image = np.where(person[:, :, None] > 0, aside.view.image, 0.85).astype(np.float32)
    rim = (person > 0) & (cv2.erode(person, np.ones((2 * width + 1, 2 * width + 1))) == 0)
    image[rim] = (0.55, 0.65, 0.8)
    return image, person


def test_a_rim_of_light_ends_with_the_person(aside):
    """Without the person's mask it is no skin; with it, the outer edge of the rim is the face's."""
    image, person = _rim_lit(aside)
    plain = _found(aside, aside.truth.vertices)
    alone = _found(aside, aside.truth.vertices, image)
    masked = _found(aside, aside.truth.vertices, image, person)
    assert len(masked.part) > 0.7 * len(plain.part) > len(alone.part)
    assert np.quantile(np.abs(_gaps(aside, masked)), 0.8) < 1.2


def test_of_a_rim_s_two_edges_the_background_s_counts(aside):
    """The rim differs from the skin by much, and from the wall behind by little."""
    image, person = _rim_lit(aside, width=2)
    image[person == 0] = 0.35
    within = aside.truth.vertices * np.float32(0.985)
    gaps = _gaps(aside, _found(aside, within, image, person))
    assert len(gaps) > 25
    assert np.abs(gaps).mean() < 0.9


def test_before_an_even_wall_the_outermost_edge_counts_wherever_the_person_is_said_to_end(aside):
    """A rim hardly brighter than the wall, beside much darker skin, and a person's mask that ends too early."""
    image, person = _rim_lit(aside, width=2)
    image *= 0.3
    image[person == 0] = (0.23, 0.23, 0.3)
    rim = (person > 0) & (cv2.erode(person, np.ones((5, 5))) == 0)
    image[rim] = (0.31, 0.29, 0.34)
    early = cv2.erode(person, np.ones((5, 5)))
    within = aside.truth.vertices * np.float32(0.985)
    exact = _gaps(aside, _found(aside, within, image, early, exact=True))
    assert len(exact) > 25
    assert np.abs(exact).mean() < 0.9
    assert np.abs(_gaps(aside, _found(aside, within, image, early))).mean() > 1.5

    # A wall with a pattern tells nothing of the kind.
    pattern = np.random.default_rng(5).uniform(0.6, 1.6, (SIZE // 2, SIZE // 2, 1)).astype(np.float32)
    large = cv2.resize(pattern, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)[:, :, None]
    image = np.where(person[:, :, None] > 0, image, image * large)
    either = [_found(aside, within, image, early, exact=exact).target.numpy() for exact in (False, True)]
    assert np.array_equal(*either)


def test_what_looks_like_skin_behind_a_person_has_no_edge_of_theirs(aside):
    """Another's cheek behind this one, seen for four pixels, in the same light: only its edge can be seen."""
    image, person = _rim_lit(aside)
    image[person > 0] = aside.view.image[person > 0]
    other = (cv2.dilate(person, np.ones((9, 9))) > 0) & (person == 0)
    near = np.stack([cv2.GaussianBlur(image[:, :, c] * person, (0, 0), 3.0) for c in range(3)], 2)
    image[other] = (near / np.maximum(cv2.GaussianBlur(person, (0, 0), 3.0), 1e-3)[:, :, None])[other]
    alone = np.abs(_gaps(aside, _found(aside, aside.truth.vertices, image)))
    known = np.abs(_gaps(aside, _found(aside, aside.truth.vertices, image, person)))
    assert (alone > 3.6).sum() > 5
    assert (known > 3.6).sum() == 0


def test_a_head_on_a_background_of_its_own_colour_has_no_edges(aside):
    flat = np.broadcast_to(np.median(aside.view.image[aside.view.weight > 0.5], 0), aside.view.image.shape)
    assert len(_found(aside, aside.truth.vertices, flat.copy()).part) == 0


def test_the_loss_pulls_the_head_to_the_edges(aside):
    """Its gradient by the vertices against finite differences, along random moves of all of them."""
    vertices = torch.from_numpy(_disturbed(aside))
    found = _found(aside, vertices.numpy())
    camera = DifferentiableCamera.at(aside.truth.camera)
    place = vertices.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(found.loss(place, camera), place)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        move = torch.randn(3, generator=generator).expand_as(vertices)
        up, down = (float(found.loss(vertices + sign * 0.1 * move, camera)) for sign in (1.0, -1.0))
        assert float((slope * move).sum()) == pytest.approx((up - down) / 0.2, rel=0.03)
    truth = torch.from_numpy(aside.truth.vertices)
    # Measured: 0.30. The outline of another shape runs over other points.
    assert float(found.loss(truth, camera)) < 0.4 * float(found.loss(vertices, camera))


# --- skin next to edges -----------------------------------------------------------------------------------------------


def _aside(aside: heads.Portrait, view: View) -> tuple[np.ndarray, np.ndarray]:
    normals = DifferentiableHead(aside.model).vertex_normals(torch.from_numpy(aside.truth.vertices)).numpy()
    return skin_aside(aside.model, aside.truth.vertices, normals, view, face_height(aside.points))


def test_skin_is_found_up_to_the_edge_and_only_there(aside):
    found, _ = _aside(aside, aside.view)
    assert found.sum() > 200
    head = TracedScene(aside.truth.vertices, aside.model.triangles)
    rows, columns = np.nonzero(found)
    triangle, barycentric = primary_hits(head, aside.truth.camera, np.stack([columns, rows], 1) + 0.5)
    assert (triangle >= 0).all()
    corners = aside.model.triangles[triangle]
    forehead, brows = ((aside.model.regions[name][corners] * barycentric).sum(1) for name in ("forehead", "brows"))
    # Of the forehead only the brow that is seen from aside.
    assert forehead[brows < 0.15].max() < 0.35
    assert (brows > 0.5).sum() > 10
    # Every edge has such skin within two pixels, unless it lies on the forehead.
    distance = cv2.distanceTransform((~found).astype(np.uint8), cv2.DIST_L2, 5)
    edges = _found(aside, aside.truth.vertices).target.numpy().astype(int)
    below = edges[edges[:, 1] > np.median(edges[:, 1])]
    assert np.median(distance[below[:, 1], below[:, 0]]) < 2.0
    # And nothing of it lies farther than an eighth of the face from one.
    gaps = np.linalg.norm(np.stack([columns, rows], 1)[:, None] - edges[None], axis=2).min(1)
    assert gaps.max() < face_height(aside.points) / 8 + 2


def test_skin_within_the_person_needs_no_edge(aside):
    """A jaw before a neck of the same colour has none. Near the person's border there may be the background."""
    flat = np.broadcast_to(np.median(aside.view.image[aside.view.weight > 0.5], 0), aside.view.image.shape).copy()
    rows, columns = np.mgrid[0 : flat.shape[0], 0 : flat.shape[1]]
    pixels = np.stack([columns, rows], 2).reshape(-1, 2) + 0.5
    triangle, _ = primary_hits(TracedScene(aside.truth.vertices, aside.model.triangles), aside.truth.camera, pixels)
    head = (triangle >= 0).reshape(flat.shape[:2])
    beside, found = _aside(aside, replace(aside.view, image=flat, person=head.astype(np.float32)))
    assert found.sum() > 300 and not beside.any()
    depth = cv2.distanceTransform(head.astype(np.uint8), cv2.DIST_L2, 5)
    assert depth[found].min() > 0.01 * face_height(aside.points)
    # The half of the head that no person is seen in.
    half = head & (columns < flat.shape[1] // 2)
    _, fewer = _aside(aside, replace(aside.view, image=flat, person=half.astype(np.float32)))
    assert fewer.any() and not fewer[~half].any() and fewer.sum() < found.sum()


def test_without_edges_no_skin_is_next_to_one(aside):
    flat = np.broadcast_to(np.median(aside.view.image[aside.view.weight > 0.5], 0), aside.view.image.shape)
    beside, within = _aside(aside, replace(aside.view, image=flat.copy()))
    assert not beside.any() and not within.any()
