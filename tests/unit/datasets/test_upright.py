"""Photographs are turned by their EXIF orientation, whatever else their EXIF data hold."""

import io
import struct

import pytest
from odd_exif import ODD, exif
from PIL import Image, ImageOps

from kd.datasets.open_images.boxes import upright as turned_by_metadata
from kd.datasets.readers.images import read_image
from kd.datasets.readers.upright import upright

FAILS = (struct.error, AttributeError)


def photograph(block, form="JPEG"):
    """Red on the left, green on the right: 32x16 pixels."""
    image = Image.new("RGB", (32, 16), (0, 255, 0))
    image.paste((255, 0, 0), (0, 0, 16, 16))
    file = io.BytesIO()
    image.save(file, form, exif=block, **({"quality": 95} if form == "JPEG" else {}))
    return Image.open(file)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_as_pillow_turns_it(orientation, form):
    picture = photograph(exif(orientation), form)
    expected = ImageOps.exif_transpose(picture)
    assert (upright(picture).size, upright(picture).tobytes()) == (expected.size, expected.tobytes())


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_tag_is_no_hindrance(odd, tmp_path):
    picture = photograph(exif(6, odd))
    with pytest.raises(FAILS):
        ImageOps.exif_transpose(picture)
    for turned in (upright(picture), turned_by_metadata(picture, None, None)):
        assert turned.size == (16, 32)
        red, green = turned.getpixel((8, 4)), turned.getpixel((8, 28))
        assert red[0] > 200 > 50 > red[1]
        assert green[1] > 200 > 50 > green[0]
    picture.save(tmp_path / "odd.jpg", exif=exif(6, odd), quality=95)
    assert read_image(str(tmp_path / "odd.jpg"), 16)[1, 8, 0] > 200


def test_data_that_are_no_exif_turn_nothing():
    picture = photograph(b"Exif\0\0XX\0*\0\0\0\x08", "WEBP")
    with pytest.raises(SyntaxError):
        picture.getexif()
    assert upright(picture) is picture
