"""What a file of the user's logits holds, by name. Standard library only: the Snakefile asks."""

import zipfile
from pathlib import Path

from kd.errors import UserError
from kd.io.digests import reading

NEEDED, MAY_BE = ("train_ids", "train_logits"), ("test_ids", "test_logits")


def names_in(path: str, key: str) -> set[str]:
    """The names of the arrays in an .npz file, which are NEEDED, and both of MAY_BE or none.

    Raises UserError naming `key`, the config's, if it cannot be read, or holds others.
    """
    try:
        with reading(path, key), zipfile.ZipFile(Path(path).expanduser()) as file:
            found = {Path(name).stem for name in file.namelist()}
    except zipfile.BadZipFile as error:
        raise UserError(f"{key}: {path[-60:]!r} is no .npz file ({error})") from error
    lacking = [name for name in NEEDED if name not in found]
    lacking += [name for name in MAY_BE if name not in found] if found & set(MAY_BE) else []
    besides = sorted(found - {*NEEDED, *MAY_BE})
    if lacking or besides:
        wrong = f"lacks {', '.join(lacking)}" if lacking else f"holds {', '.join(besides)[:60]}"
        should = f"{', '.join(NEEDED)}, and {' and '.join(MAY_BE)} or neither"
        raise UserError(f"{key}: {path[-60:]!r} {wrong}; it should hold {should}")
    return found
