"""Images of any mode, size and orientation become square RGB pixels."""

import numpy as np
import pytest
from PIL import Image

from kd.datasets.readers.images import read_image
from kd.errors import UserError


def save(folder, image, name="new.png", **options):
    path = folder / name
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize(
    ("mode", "colour", "name", "expected"),
    [
        ("1", 1, "a.png", (255, 255, 255)),
        ("L", 100, "a.png", (100, 100, 100)),
        ("LA", (100, 50), "a.png", (100, 100, 100)),
        ("P", 2, "a.png", (6, 7, 8)),
        ("RGB", (10, 20, 30), "a.webp", (10, 20, 30)),
        ("RGBA", (10, 20, 30, 40), "a.png", (10, 20, 30)),
        ("CMYK", (0, 255, 255, 0), "a.tif", (255, 0, 0)),
        ("I;16", 25700, "a.png", (100, 100, 100)),
        ("I;16", 65535, "a.tif", (255, 255, 255)),
        ("I", 25700, "a.tif", (100, 100, 100)),
    ],
)
def test_modes_become_rgb(tmp_path, mode, colour, name, expected):
    image = Image.new(mode, (4, 4), colour)
    if mode == "P":
        image.putpalette(list(range(30)))
    options = {"lossless": True} if name.endswith("webp") else {}
    pixels = read_image(save(tmp_path, image, name, **options), 4)
    assert pixels.dtype == np.uint8
    assert (pixels == expected).all()


def test_a_transparent_palette_gives_no_warning(tmp_path, recwarn):
    image = Image.new("P", (4, 4), 2)
    image.putpalette(list(range(30)))
    pixels = read_image(save(tmp_path, image, transparency=b"\xff\xff\x00"), 4)
    assert (pixels == (6, 7, 8)).all()
    assert not recwarn.list


def test_cmyk_jpeg(tmp_path):
    file = save(tmp_path, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "a.jpg", quality=95)
    assert np.abs(read_image(file, 8).astype(int) - (255, 0, 0)).max() < 5


@pytest.mark.parametrize(("width", "height"), [(20, 10), (10, 20), (21, 10)])
def test_the_middle_is_kept(tmp_path, width, height):
    """White outside the middle square: none of it may be left, and no pixel of the middle changed."""
    pixels = np.full((height, width, 3), 255, dtype=np.uint8)
    left, top = (width - 10) // 2, (height - 10) // 2
    middle = np.random.RandomState(0).randint(0, 200, (10, 10, 3)).astype(np.uint8)
    pixels[top : top + 10, left : left + 10] = middle
    assert np.array_equal(read_image(save(tmp_path, Image.fromarray(pixels)), 10), middle)


def test_shrinking_is_antialiased(tmp_path):
    """One-pixel stripes become grey; picking single pixels would make them all black or all white."""
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    pixels = read_image(save(tmp_path, Image.fromarray(stripes)), 16)
    assert np.abs(pixels[:, 1:-1].astype(int) - 127).max() < 12


def test_enlarging(tmp_path):
    assert read_image(save(tmp_path, Image.new("RGB", (1, 3), (9, 9, 9))), 8).shape == (8, 8, 3)


def test_exif_orientation(tmp_path):
    image = Image.new("RGB", (4, 4), (0, 0, 0))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    pixels = read_image(save(tmp_path, image, exif=exif), 4)
    assert pixels[3, 3].tolist() == [255, 255, 255]
    assert pixels.sum() == 3 * 255


def test_floating_point_pixels_are_refused(tmp_path):
    file = save(tmp_path, Image.new("F", (4, 4), 0.5), "a.tif")
    with pytest.raises(UserError, match=r"a\.tif: .* 8 or 16 bits are allowed"):
        read_image(file, 4)


def test_an_image_that_the_system_does_not_let_be_read_is_not_called_broken(tmp_path):
    (tmp_path / "a.png").symlink_to("a.png")
    reason = "Too many levels of symbolic links; mend that and run again"
    with pytest.raises(UserError, match=rf"a\.png: cannot be read as an image: {reason}$"):
        read_image(str(tmp_path / "a.png"), 8)
