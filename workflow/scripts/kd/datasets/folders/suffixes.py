"""Which files are images, by their names. Standard library only: see contents.py.

A list, though Pillow could be asked: which images count must not depend on the machine. A test compares it
with the formats of the installed Pillow. Left out of these are EPS, for which another program runs what is
in the file, and formats that Pillow recognises but does not decode (MPEG, HDF5, WMF, GRIB, BUFR).
"""

from pathlib import PurePath

SUFFIXES = (
    *(".apng", ".avif", ".avifs", ".blp", ".bmp", ".bw", ".cur", ".dcx", ".dds", ".dib", ".fit", ".fits"),
    *(".flc", ".fli", ".ftc", ".ftu", ".gbr", ".gif", ".icb", ".icns", ".ico", ".iim", ".im", ".j2c"),
    *(".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".msp", ".pbm"),
    *(".pcd", ".pcx", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".pxr", ".qoi", ".ras", ".rgb"),
    *(".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp", ".xbm", ".xpm"),
)
ALLOWED = "allowed are .avif, .bmp, .gif, .jpeg, .jpg, .png, .tif, .webp, and others that Pillow reads"

# Pictures that it does not read.
FOREIGN = (
    *(".arw", ".cr2", ".cr3", ".dng", ".emf", ".eps", ".exr", ".hdr", ".heic", ".heif", ".hif", ".jxl"),
    *(".jxr", ".nef", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw", ".svg", ".svgz", ".wmf", ".xcf"),
)

# What systems put beside images; and all that begins with a dot.
_OF_SYSTEMS = {"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
_OF_SYSTEMS |= {"#snapshot", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.ini", "Icon\r"}


def is_image(name: str) -> bool:
    """Whether a file of this name is read as an image."""
    return name.lower().endswith(SUFFIXES)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none of the user's."""
    return name[0] == "." or name in _OF_SYSTEMS


def kind_of(name: str) -> str:
    """The suffix of a file that is not used, as it is counted."""
    return PurePath(name).suffix.lower() or "without a suffix"
