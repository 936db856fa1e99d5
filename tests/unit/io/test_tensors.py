"""Sealed files: what was written comes back, and any other content is noticed."""

import os

import numpy as np
import pytest

from kd.io.tensors import Corrupt, read_tensors, write_tensors

ARRAYS = {
    "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "strided": np.arange(6, dtype=np.int64).reshape(2, 3).T,
    "count": np.int64(7),
    "mask": np.array([True, False]),
}
FACTS = {"name": "ü", "numbers": [1, 0.1], "none": None}


@pytest.fixture
def path(tmp_path):
    write_tensors(tmp_path / "file.safetensors", ARRAYS, FACTS)
    return tmp_path / "file.safetensors"


def test_what_was_written_comes_back(path):
    tensors, facts = read_tensors(path)
    assert facts == FACTS
    assert set(tensors) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert tensors[name].shape == np.shape(array)
        assert np.array_equal(tensors[name].numpy(), array)


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    write_tensors(tmp_path / "again.safetensors", dict(reversed(ARRAYS.items())), FACTS)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_no_changed_bit_gives_other_content(path):
    """Every bit of the file, one at a time. A few are of no weight: a name's case in the header, for one."""
    whole = path.read_bytes()
    body = len(whole) - sum(np.asarray(array).nbytes for array in ARRAYS.values())
    with open(path, "r+b", buffering=0) as file:  # in its place: a new file for each takes far longer

        def put(place, byte):
            file.seek(place)
            file.write(bytes([byte]))

        for place, right in enumerate(whole):
            for bit in range(8):
                put(place, right ^ 1 << bit)
                try:
                    tensors, facts = read_tensors(path)
                except Corrupt:
                    continue
                assert place < body, f"bit {bit} of byte {place} was not noticed"
                assert facts == FACTS
                assert all(np.array_equal(tensors[name].numpy(), array) for name, array in ARRAYS.items())
            put(place, right)
    assert path.read_bytes() == whole


def test_a_file_cut_short_anywhere_is_noticed(path):
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(Corrupt):
            read_tensors(path)


def test_a_safetensors_file_that_was_never_sealed_is_refused(tmp_path):
    from safetensors.numpy import save_file

    for number, metadata in enumerate((None, {}, {"sealed": "{"}, {"sealed": "{}"}, {"sealed": "[]"})):
        save_file({"a": np.zeros(2)}, tmp_path / f"{number}.safetensors", metadata)
        with pytest.raises(Corrupt):
            read_tensors(tmp_path / f"{number}.safetensors")
