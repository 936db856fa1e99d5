"""What is found in a folder of images."""

import shutil

import numpy as np
import pytest
from PIL import Image

from kd.errors import UserError
from kd.proposal import folder
from kd.proposal.folder import examine


def test_a_folder_in_order(photos):
    found = examine(str(photos), 0.25)
    assert found.classes == {"cat": 24, "dog": 24, "owl": 24}
    assert (found.images, found.training, found.short_side, found.split) == (72, 54, 64, False)
    assert found.warnings == []


def test_a_folder_with_its_splits(photos):
    for split in ("train", "test"):
        shutil.copytree(photos, photos.parent / "both" / split)
    found = examine(str(photos.parent / "both"), 0.2)
    assert (found.split, found.images, found.training) == (True, 144, 72)
    (warning,) = found.warnings  # each test image is a training image
    assert warning.startswith(
        "test images that look like training images: 72 of 72 (cat/00.png is like cat/00.png)"
    )
    assert warning.endswith("move shots of one scene into one split")


def test_what_is_worth_a_look(photos):
    (photos / "cat" / "broken.jpg").write_bytes(b"no image")
    (photos / "cat" / "notes.txt").write_text("")
    for number in range(21):
        (photos / "owl" / f"{number:02}.png").unlink()
    for number in range(200):
        shutil.copy(photos / "dog" / "00.png", photos / "dog" / f"copy{number}.png")
    assert examine(str(photos), 0.2).warnings == [
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
    (warning,) = examine(str(photos), 0.2).warnings
    assert warning.startswith("test images that look like training images: ")
    assert warning.endswith("keep shots of one scene together: --group-by")
    assert (
        examine(str(photos), 0.2, r"(shot)")
        .warnings[0]
        .startswith("images that the pattern of --group-by does")
    )


def test_of_many_images_some_are_opened(photos, monkeypatch):
    monkeypatch.setattr(folder, "LOOKED_AT", 10)
    opened = []
    look = folder._look
    monkeypatch.setattr(folder, "_look", lambda *image: opened.append(image) or look(*image))
    assert examine(str(photos), 0.2).images == 72
    assert len(opened) == 9


def test_no_study_can_be_made_of_it(photos):
    with pytest.raises(UserError, match=r"dataset\.path: no folder 'nowhere'"):
        examine("nowhere", 0.2)
    shutil.copytree(photos, photos.parent / "half" / "train")
    with pytest.raises(
        UserError, match=r"half: has train/ but no test/; name the folder of classes, '.*half/train'"
    ):
        examine(str(photos.parent / "half"), 0.2)
    for image in photos.rglob("*.png"):
        image.write_text(str(image))
    with pytest.raises(UserError, match="none of the images that were tried can be read"):
        examine(str(photos), 0.2)
