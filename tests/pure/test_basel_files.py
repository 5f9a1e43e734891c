"""The Basel Face Model's and AlbedoMM's files: what is read from them, and what is said where they are others."""

import h5py
import numpy as np
import pytest
import synthetic_basel
from nextgenface.engine.errors import FaceModelError
from nextgenface.engine.faces.basel_files import ALBEDO_FILE, SHAPE_FILE, find_files, read_files


@pytest.fixture
def model():
    return synthetic_basel.small()


@pytest.fixture
def folder(model, tmp_path):
    return model.write(tmp_path)


def test_coefficients_are_counted_in_standard_deviations(model, folder):
    arrays = read_files(*find_files(folder))
    np.testing.assert_allclose(arrays.shape.mean, model.shape.mean, atol=1e-4)
    c = np.array([0.5, -1.0, 2.0, 0.0, 1.0])
    # As the reference has it: coefficients of the variance's size multiply the basis as stored.
    stored = model.shape.basis @ (c * np.sqrt(model.shape.variance))
    np.testing.assert_allclose(np.tensordot(c, arrays.shape.modes, 1), stored.reshape(-1, 3), atol=1e-3)
    assert arrays.expression.modes.shape == (4, len(arrays.shape.mean), 3)
    assert arrays.diffuse.modes.shape == arrays.specular.modes.shape == (3, len(arrays.shape.mean), 3)
    np.testing.assert_array_equal(arrays.triangles, model.triangles)


def test_only_the_first_modes_are_read_when_trimmed(folder):
    whole, trimmed = read_files(*find_files(folder)), read_files(*find_files(folder), 2)
    assert [len(part.modes) for part in (trimmed.shape, trimmed.expression, trimmed.diffuse)] == [2, 2, 2]
    np.testing.assert_array_equal(trimmed.shape.modes, whole.shape.modes[:2])


@pytest.mark.parametrize(
    ("name", "what", "where"),
    [(SHAPE_FILE, "Basel Face Model 2017", "faces.dmi.unibas.ch"), (ALBEDO_FILE, "AlbedoMM", "github.com/waps101")],
)
def test_a_missing_file_is_told_with_where_to_get_it_and_where_to_put_it(folder, name, what, where):
    (folder / name).unlink()
    with pytest.raises(FaceModelError) as caught:
        find_files(folder)
    assert name in caught.value.message
    assert what in caught.value.message
    assert str(folder) in caught.value.message
    assert where in caught.value.remedy
    assert "face_model_folder" in caught.value.remedy


def _replace(folder, file, dataset, values):
    with h5py.File(folder / file, "r+") as open_file:
        del open_file[dataset]
        if values is not None:
            open_file[dataset] = values


@pytest.mark.parametrize(
    ("file", "dataset", "values", "expected", "came"),
    [
        (SHAPE_FILE, "shape/model/mean", None, "the data set 'shape/model/mean'", "shape"),
        (SHAPE_FILE, "shape/model/mean", np.zeros(10), "3 numbers for each", "10 numbers"),
        (SHAPE_FILE, "shape/model/pcaBasis", np.zeros((7, 5)), "(2697, 5)", "(7, 5)"),
        (SHAPE_FILE, "shape/model/pcaVariance", -np.ones(5), "without negative", "some"),
        (SHAPE_FILE, "expression/model/mean", np.zeros(30), "899 vertices", "30 numbers"),
        (SHAPE_FILE, "shape/representer/cells", np.array([[0], [1], [899]]), "0 to 898", "0 to 899"),
        (SHAPE_FILE, "shape/representer/cells", np.zeros((4, 3)), "(3, T)", "(4, 3)"),
        (ALBEDO_FILE, "diffuseAlbedo/model/mean", np.full(2697, np.nan), "numbers", "others"),
        (ALBEDO_FILE, "specularAlbedo/model/mean", np.zeros(12), "899 vertices", "12 numbers"),
        (ALBEDO_FILE, "specularAlbedo/model/pcaVariance", np.ones(2), "(2697, 2)", "(2697, 3)"),
    ],
)
def test_another_content_is_told_with_what_was_expected_and_what_came(folder, file, dataset, values, expected, came):
    _replace(folder, file, dataset, values)
    with pytest.raises(FaceModelError) as caught:
        read_files(*find_files(folder))
    assert file in caught.value.message
    assert expected in caught.value.message.partition("got ")[0]
    assert came in caught.value.message.partition("got ")[2]


def test_metres_are_not_taken_for_millimetres(model, folder):
    _replace(folder, SHAPE_FILE, "shape/model/mean", model.shape.mean.ravel() / 1000)
    with pytest.raises(FaceModelError, match="mm high"):
        read_files(*find_files(folder))


def test_a_file_that_is_cut_off_or_none_at_all_is_refused(folder):
    path = folder / SHAPE_FILE
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FaceModelError, match="HDF5"):
        read_files(*find_files(folder))
    path.write_text("no HDF5")
    with pytest.raises(FaceModelError, match="HDF5"):
        read_files(*find_files(folder))


def test_a_data_set_that_says_it_is_huge_is_not_read(folder):
    with h5py.File(folder / SHAPE_FILE, "r+") as file:
        del file["shape/model/pcaBasis"]
        # Takes no room in the file, and 4 TB in memory.
        file.create_dataset("shape/model/pcaBasis", (10**6, 10**6), "f4", chunks=(1000, 1000))
    with pytest.raises(FaceModelError, match="at most"):
        read_files(*find_files(folder))
