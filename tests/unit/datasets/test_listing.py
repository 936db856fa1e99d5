"""The digest of a folder of images, by which a study notices that they have changed."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prepare_data
from kd.errors import UserError
from kd.plan.user_files import listing


def test_links_to_images_and_folders_are_followed(folder, tmp_path_factory):
    before = listing(str(folder))
    moved = (folder / "train").rename(tmp_path_factory.mktemp("disk") / "images")
    (folder / "train").mkdir()
    (folder / "train" / "bird").symlink_to(moved / "bird")
    (folder / "train" / "ape").mkdir()
    for image in (moved / "ape").iterdir():
        (folder / "train" / "ape" / image.name).symlink_to(image)
    assert listing(str(folder)) == before


@pytest.mark.parametrize("call", ["datasets.folders.contents.os.scandir", "io.files.hashlib.file_digest"])
def test_what_may_not_be_read_is_named(folder, monkeypatch, call):
    """Root may read everything, so the system's answer is put in its place."""

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path.name if hasattr(path, "read") else path))

    monkeypatch.setattr(f"kd.{call}", refuse)
    with pytest.raises(
        UserError, match=r"dataset\.path: '.*/train.*' cannot be read: Permission denied; mend"
    ):
        listing(str(folder))


def test_looking_at_many_images_is_reported(folder, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    listing(str(folder))
    assert not caplog.messages
    monkeypatch.setattr("kd.datasets.folders.listing.QUIET", -1)
    listing(str(folder))
    assert caplog.messages[2] == f"{folder}: 3 of 8 images read"


def test_listing_sees_changes_but_neither_place_nor_time(folder, tmp_path_factory):
    before = listing(str(folder))
    os.utime(folder / "train" / "ape" / "0.png", (0, 0))
    moved = tmp_path_factory.mktemp("elsewhere") / "images"
    folder.rename(moved)
    assert listing(str(moved)) == before
    (moved / "train" / "ape" / "0.png").rename(moved / "train" / "ape" / "00.png")
    renamed = listing(str(moved))
    with open(moved / "train" / "ape" / "00.png", "ab") as file:
        file.write(b"more")
    assert len({before, renamed, listing(str(moved))}) == 3


def test_listing_sees_an_edit_that_keeps_the_size(folder, tmp_path):
    path = folder / "train" / "ape" / "0.png"
    before = listing(str(folder), tmp_path)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert listing(str(folder), tmp_path) != before


def test_listing_reads_a_file_once(folder, tmp_path, monkeypatch):
    before = listing(str(folder), tmp_path)
    monkeypatch.setattr("kd.io.files.hashlib.file_digest", None)
    assert listing(str(folder), tmp_path) == before


def test_a_broken_cache_of_listings_is_no_harm(folder, tmp_path):
    before = listing(str(folder), tmp_path)
    (cache,) = tmp_path.glob("*.json")
    cache.write_text("{")
    assert listing(str(folder), tmp_path) == before


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "x" * 5000])
def test_a_path_that_cannot_be_one_is_reported(path):
    with pytest.raises(UserError, match=r"dataset\.path: "):
        listing(path)


def test_listing_refuses_what_load_refuses(folder):
    shutil.rmtree(folder / "test")
    with pytest.raises(UserError, match=r"dataset\.path: no folder"):
        listing(str(folder))


def test_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert listing(f"~/{folder.name}") == listing(str(folder))


def test_listing_is_quick_to_import():
    code = "import sys, kd.plan.user_files; assert not {'numpy', 'PIL', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(prepare_data.__file__).parent)
