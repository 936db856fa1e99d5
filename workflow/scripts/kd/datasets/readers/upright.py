"""Turning a photograph by the orientation in its EXIF data, whatever else these hold.

Pillow's own exif_transpose also writes the data again, without the orientation, and fails at any odd tag.
"""

from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """The image as it is to be looked at; as it is stored where no orientation can be read."""
    image.load()  # in a PNG the EXIF data may stand behind the pixels
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # what data that are no EXIF raise depends on the format
        return image
    return image if turn is None else image.transpose(turn)
