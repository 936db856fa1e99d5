"""Which files in a folder are images, of which class, and in which order."""

import os
import shutil
import unicodedata
from contextlib import contextmanager

import pytest
from PIL import Image
from PIL.ImageFile import StubImageFile
from torchvision.datasets import ImageFolder

from kd.datasets.folders.contents import find_images
from kd.datasets.folders.suffixes import FOREIGN, SUFFIXES
from kd.errors import UserError
from kd.plan.user_files import listing

NOT_READ = {"EPS", "MPEG"}  # of another program; recognised, but not decoded


def save(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 6), (colour, 0, 0)).save(path, "PNG")


def names(folder, **options):
    contents = find_images(str(folder), **options)
    return [*contents.files("train"), *contents.files("test")]


def test_suffixes_are_those_of_the_installed_pillow():
    """Where Pillow has learnt another format this fails, and its suffixes belong into the list."""
    Image.init()
    readable = {"MPO"}  # by JPEG's
    for name, (factory, _) in Image.OPEN.items():
        if name not in NOT_READ and not (isinstance(factory, type) and issubclass(factory, StubImageFile)):
            readable.add(name)
    suffixes = Image.registered_extensions()
    assert set(SUFFIXES) == {suffix for suffix, name in suffixes.items() if name in readable}
    assert list(SUFFIXES) == sorted(SUFFIXES)
    assert not set(FOREIGN) & set(SUFFIXES)


@pytest.mark.parametrize("name", ["a.jfif", "a.AVIF", "a.jp2", "a.tga", "a.webp", "a.JPEG"])
def test_whatever_pillow_reads_is_an_image(folder, name):
    save(folder / "train" / "ape" / name)
    assert f"train/ape/{name}" in names(folder)


def test_what_is_not_used_is_listed_by_its_kind(folder):
    for name in ("b.HEIC", "a.heic", "notes.txt", "scan"):
        (folder / "train" / "ape" / name).write_bytes(b"")
    (folder / "test" / "ape" / "more").mkdir()
    (folder / "test" / "ape" / "more" / "c.heic").write_bytes(b"")
    (folder / "train" / "stray.png").write_bytes(b"")
    os.mkfifo(folder / "train" / "bird" / "pipe.png")
    (folder / "masks").mkdir()
    contents = find_images(str(folder))
    assert contents.unused == {
        ".heic": ["train/ape/a.heic", "train/ape/b.HEIC", "test/ape/more/c.heic"],
        ".txt": ["train/ape/notes.txt"],
        "without a suffix": ["train/ape/scan"],
        ".png": ["train/stray.png"],
        "pipe or device": ["train/bird/pipe.png"],
    }
    assert contents.beside == ["masks"]


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", ".ipynb_checkpoints", "lost+found"])
def test_folders_of_systems_are_no_classes(folder, name):
    before = names(folder)
    save(folder / "train" / name / "0.png")
    save(folder / "train" / "ape" / name / "0.png")
    save(folder / name / "0.png")
    contents = find_images(str(folder))
    assert names(folder) == before
    assert (contents.unused, contents.beside) == ({}, [])


def test_deeper_folders_belong_to_the_class_in_the_order_of_torchvision(folder):
    for place in ("batch2/0.png", "batch2/a/0.png", "batch-2/9.png", "batch2/10.png", "Z.png"):
        save(folder / "train" / "ape" / place)
    data = ImageFolder(str(folder / "train"))
    assert [os.path.relpath(path, folder) for path, _ in data.samples] == [
        name for name in names(folder) if name.startswith("train/")
    ]
    assert data.classes == list(find_images(str(folder)).classes["train"])


def test_a_class_of_deeper_folders_only(folder):
    for split in ("train", "test"):
        (folder / split / "ape" / "images").mkdir()
        for image in (folder / split / "ape").glob("*.png"):
            image.rename(folder / split / "ape" / "images" / image.name)
    assert names(folder)[0] == "train/ape/images/0.png"
    assert len(names(folder)) == 8


def test_links_beside_the_splits_are_no_matter(folder):
    before = listing(str(folder))
    (folder / "old").symlink_to("/gone")
    assert listing(str(folder)) == before


def test_classes_are_in_order_of_their_names_as_text(folder):
    for number in (0, 1, 2, 10):
        for split in ("train", "test"):
            save(folder / split / str(number) / "0.png")
    assert list(find_images(str(folder)).classes["train"]) == ["0", "1", "10", "2", "ape", "bird"]


def test_neither_order_on_the_disk_nor_links_change_the_listing(folder, monkeypatch):
    save(folder / "train" / "ape" / "more" / "0.png")
    before = names(folder), listing(str(folder))
    scandir = os.scandir

    @contextmanager
    def backwards(path):
        with scandir(path) as entries:
            yield sorted(entries, key=lambda entry: entry.name, reverse=True)

    monkeypatch.setattr("kd.datasets.folders.walk.os.scandir", backwards)
    (folder / "train" / "ape" / "more").rename(folder / "aside")
    (folder / "train" / "ape" / "more").symlink_to(folder / "aside")
    shutil.copytree(folder / "train", folder / "copy")
    shutil.rmtree(folder / "train")
    (folder / "train").symlink_to("copy")
    assert (names(folder), listing(str(folder))) == before


@pytest.mark.parametrize(
    ("link", "target"), [("train/loop", ".."), ("train/ape/up", ".."), ("train/ape/a", "../ape")]
)
def test_a_link_that_leads_back_is_named(folder, link, target):
    (folder / link).symlink_to(target)
    with pytest.raises(UserError, match=rf"'.*/{link}' leads back to a folder above it; take this link away"):
        find_images(str(folder))


# Names


def test_an_accented_letter_has_one_form(folder, tmp_path_factory):
    """Archives of macOS keep it as two signs; labels go by the order of one form in both splits."""
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for name in ("café", "cafz"):
            save(folder / split / unicodedata.normalize(form, name) / "é.png")
    contents = find_images(str(folder))
    assert (
        list(contents.classes["train"]) == list(contents.classes["test"]) == ["ape", "bird", "cafz", "café"]
    )
    other = tmp_path_factory.mktemp("macos")
    for file in folder.glob("t*/*/*.png"):
        name = unicodedata.normalize("NFD", str(file.relative_to(folder)))
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, other / name)
    assert listing(str(other)) == listing(str(folder))


def test_two_folders_of_one_name_are_refused(folder):
    for form in ("NFC", "NFD"):
        save(folder / "train" / unicodedata.normalize(form, "café") / "0.png")
    with pytest.raises(
        UserError, match=r"two folders of the class 'café', of which one is 'caf.*'; merge them"
    ):
        find_images(str(folder))


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        ("cat", "cat ", "lacks the classes 'cat ' (did you mean 'cat'?) of test/"),
        ("cat", "c\u0430t", "lacks the classes 'c\\u0430t' (did you mean 'cat'?) of test/"),
        ("cat", "狗", "lacks the classes '狗' of test/"),
        ("cat", "c\x1b[31mt", "lacks the classes 'c\\x1b[31mt' of test/"),
    ],
)
def test_names_that_look_alike_can_be_told_apart(folder, train, test, says):
    save(folder / "train" / train / "0.png")
    save(folder / "test" / test / "0.png")
    with pytest.raises(UserError) as caught:
        find_images(str(folder))
    assert says in str(caught.value)


# The folder of the test images


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_what_stands_for_test(folder, name):
    before = listing(str(folder))
    (folder / "test").rename(folder / name)
    assert listing(str(folder)) == before


def test_of_several_the_config_names_one(folder):
    shutil.copytree(folder / "test", folder / "valid")
    with pytest.raises(
        UserError, match=r"has both test/ and valid/; name .* dataset\.test_folder: test or valid"
    ):
        find_images(str(folder))
    assert find_images(str(folder), "test").beside == ["valid"]
    shutil.copytree(folder / "test", folder / "val")
    with pytest.raises(UserError, match=r"has test/ and val/ and valid/; name .*: test or val or valid"):
        find_images(str(folder))


@contextmanager
def an_ordinary_user():
    """Root may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("place", [".", "train", "test/ape", "train/ape/more"])
def test_a_folder_that_may_not_be_read_is_named(folder, place):
    (folder / "train" / "ape" / "more").mkdir()
    folder.chmod(0o755)  # the working folder, so those above it do not matter
    (folder / place).chmod(0)
    try:
        with an_ordinary_user(), pytest.raises(UserError, match=r"dataset\.path: '.*Permission denied"):
            find_images(".")
    finally:
        (folder / place).chmod(0o755)
