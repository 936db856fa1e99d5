"""EXIF data of photographs, also such as Pillow reads and cannot write again."""

import struct

# Entries that Pillow cannot write: tag, type, count; the value stands behind all of them.
ODD = {
    "a signed resolution": struct.pack(">HHI", 0x011A, 10, 1),
    "a fraction as text": struct.pack(">HHI", 0x010F, 5, 1),
    "a fraction as number": struct.pack(">HHI", 0x0103, 5, 1),
}


def exif(orientation: int, *odd: bytes) -> bytes:
    """A block of EXIF data: the orientation, and odd entries, whose value is -72/1."""
    end = 8 + 2 + 12 * (1 + len(odd)) + 4
    rows = [
        struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0),
        *(row + struct.pack(">I", end) for row in odd),
    ]
    head = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(rows))
    return head + b"".join(sorted(rows)) + struct.pack(">I", 0) + struct.pack(">ii", -72, 1)
