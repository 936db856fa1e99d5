"""What a folder of images holds."""

import shutil

import numpy as np
import pytest
from PIL import Image

from kd.errors import UserError
from kd.proposal import inspection
from kd.proposal.inspection import inspect


def test_a_folder_in_order(photos):
    result = inspect(str(photos), 0.25)
    assert result.classes == {"cat": 24, "dog": 24, "owl": 24}
    assert (result.images, result.training, result.short_side, result.split) == (72, 54, 64, False)
    assert result.warnings == []


def test_a_folder_with_its_splits(photos):
    for split in ("train", "test"):
        shutil.copytree(photos, photos.parent / "both" / split)
    result = inspect(str(photos.parent / "both"), 0.2)
    assert (result.split, result.images, result.training) == (True, 144, 72)
    (warning,) = result.warnings  # each test image is a training image
    assert warning.startswith(
        "near-duplicates of training images in the test split: 72 of 72 (cat/00.png and cat/00.png)"
    )
    assert warning.endswith("move shots of one scene into one split")


def test_what_to_check(photos):
    (photos / "cat" / "broken.jpg").write_bytes(b"no image")
    (photos / "cat" / "notes.txt").write_text("")
    for number in range(21):
        (photos / "owl" / f"{number:02}.png").unlink()
    for number in range(200):
        shutil.copy(photos / "dog" / "00.png", photos / "dog" / f"copy{number}.png")
    assert inspect(str(photos), 0.2).warnings == [
        "images that cannot be read: 1 (such as train/cat/broken.jpg); delete or mend them",
        "files that are not used, no images by their suffix: .txt 1",
        "classes of fewer than 20 images: 1 of 3 (owl 3); add images, or merge classes",
        "classes of very different sizes: 3 to 224 images; accuracy is mostly that of the large ones",
    ]


def test_shots_of_a_scene_across_the_split(photos):
    pixels = np.asarray(Image.open(photos / "dog" / "00.png"))
    for number in range(12):
        Image.fromarray(np.clip(pixels + np.float32(number), 0, 255).astype(np.uint8)).save(
            photos / "dog" / f"shot{number}.png"
        )
    (warning,) = inspect(str(photos), 0.2).warnings
    assert warning.startswith("near-duplicates of training images in the test split: ")
    assert warning.endswith("keep shots of one scene together: --group-by")
    assert (
        inspect(str(photos), 0.2, r"(shot)")
        .warnings[0]
        .startswith("images that the pattern of --group-by does")
    )


def test_of_many_images_some_are_opened(photos, monkeypatch):
    monkeypatch.setattr(inspection, "MOST_OPENED", 10)
    opened = []
    open_one = inspection._open_one
    monkeypatch.setattr(inspection, "_open_one", lambda *image: opened.append(image) or open_one(*image))
    assert inspect(str(photos), 0.2).images == 72
    assert len(opened) == 9


def test_no_study_can_be_made_of_it(photos):
    with pytest.raises(UserError, match=r"dataset\.path: no folder 'nowhere'"):
        inspect("nowhere", 0.2)
    shutil.copytree(photos, photos.parent / "half" / "train")
    with pytest.raises(
        UserError, match=r"half: has train/ but no test/; name the folder of classes, '.*half/train'"
    ):
        inspect(str(photos.parent / "half"), 0.2)
    for image in photos.rglob("*.png"):
        image.write_text(str(image))
    with pytest.raises(UserError, match="none of the images that were tried can be read"):
        inspect(str(photos), 0.2)
