"""Digests of the user's files are kept between plans, and never those of another content."""

import os

import pytest

from kd.io import digests
from kd.io.digests import kept_digests
from kd.io.files import sha256


@pytest.fixture
def pictures(tmp_path):
    """Two files of one size and time, as they come out of an archive."""
    paths = [tmp_path / "cat.bmp", tmp_path / "dog.bmp"]
    for path, content in zip(paths, (b"meow", b"woof"), strict=True):
        path.write_bytes(content)
        os.utime(path, (1e9, 1e9))
    return paths


def digest_all(paths, cache):
    with kept_digests("pictures", cache) as digest:
        return [digest(path) for path in paths]


def exchange(first, second):
    between = first.with_name("between")
    first.rename(between)
    second.rename(first)
    between.rename(second)


def rewrite(first, second):
    """With the same times again, as `touch -r` and `cp -p` do it."""
    first.write_bytes(b"moo!")
    os.utime(first, (1e9, 1e9))


def replace(first, second):
    new = first.with_name("new")
    new.write_bytes(b"moo!")
    os.utime(new, (1e9, 1e9))
    new.replace(first)


@pytest.mark.parametrize("change", [exchange, rewrite, replace])
def test_another_content_of_the_same_size_and_time_is_read(pictures, tmp_path, change):
    cache = tmp_path / "cache"
    before = digest_all(pictures, cache)
    assert before == [sha256(path) for path in pictures]
    change(*pictures)
    after = digest_all(pictures, cache)
    assert after == [sha256(path) for path in pictures]
    assert after != before


def test_a_file_that_is_as_it_was_is_not_read_again(pictures, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    before = digest_all(pictures, cache)
    monkeypatch.setattr(digests, "sha256", lambda path: pytest.fail("it is read"))
    assert digest_all(pictures, cache) == before
