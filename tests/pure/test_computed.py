"""What is computed for a face model once: kept, made anew where it is broken, and never in the way."""

import numpy as np
import pytest
from nextgenface.engine.faces.computed import computed_once, fingerprint


class Counter:
    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return {"a": np.arange(3), "b": np.eye(2)}


def test_it_is_computed_once(tmp_path):
    compute = Counter()
    first = computed_once(tmp_path / "new", "x", ("a", "b"), compute)
    second = computed_once(tmp_path / "new", "x", ("a", "b"), compute)
    assert compute.count == 1
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.npz"]


@pytest.mark.parametrize("spoil", ["cut", "text", "empty", "pickle", "others"])
def test_a_broken_file_is_made_anew(tmp_path, spoil):
    compute, path = Counter(), tmp_path / "x.npz"
    computed_once(tmp_path, "x", ("a", "b"), compute)
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif spoil == "text":
        path.write_text("nothing")
    elif spoil == "empty":
        path.write_bytes(b"")
    elif spoil == "pickle":
        np.savez(path, a=np.array([{}], object), b=np.eye(2))
    else:
        np.savez(path, other=np.eye(2))
    found = computed_once(tmp_path, "x", ("a", "b"), compute)
    assert compute.count == 2
    np.testing.assert_array_equal(found["a"], [0, 1, 2])
    computed_once(tmp_path, "x", ("a", "b"), compute)
    assert compute.count == 2


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path):
    (tmp_path / "file").write_text("")
    compute = Counter()
    found = computed_once(tmp_path / "file" / "below", "x", ("a", "b"), compute)
    assert compute.count == 1
    np.testing.assert_array_equal(found["b"], np.eye(2))


def test_the_fingerprint_stands_for_the_content(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(b"1")
    before = fingerprint(paths)
    assert fingerprint(paths) == before
    paths[1].write_bytes(b"2")
    assert fingerprint(paths) != before
    assert fingerprint(paths[:1]) != fingerprint(paths[:1], "more")
