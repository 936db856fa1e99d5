"""Reading what was downloaded, into memory: nothing is unpacked onto the disk, and nothing is unpickled.

Torchvision's classes are not used for it: they want the unpacked files beside the archive, compare each
with the MD5 of the real one, so that no test can give them another, and read CIFAR from pickles. The tests
give them the same bytes as these readers, and expect the same images.
"""

import gzip
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kd.errors import UserError
from kd.io import files


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong while `path` is read into a UserError that names it.

    Only of content that is wrong it says that the file is to be deleted.
    """
    try:
        with files.reading(path):
            yield
    except UserError:
        raise
    except Exception as error:  # what a broken file raises depends on where it is broken
        reason = error.args[0] if isinstance(error, KeyError) else error  # which puts quotes around it
        raise UserError(f"{path}: not {what}: {reason}; delete it and run again") from error


def tar_members(archive: Path, folder: str, names: Sequence[str]) -> dict[str, bytes]:
    """The files `names` of `folder` inside a .tar.gz, read in one pass: going back means unpacking it again.

    Raises ValueError naming those that are not there as plain files, and what tarfile and gzip raise.
    """
    wanted = {f"{folder}/{name}": name for name in names}
    contents = {}
    with gzip.open(archive) as unpacked:
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:
            for member in tar:
                if member.name in wanted and member.isfile():
                    contents[wanted[member.name]] = tar.extractfile(member).read()
        while unpacked.read(1 << 20):  # to the very end, where gzip compares its checksum
            continue
    if missing := [path for path, name in wanted.items() if name not in contents]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    return contents
