"""The licences that the Hugging Face Hub knows by an identifier; it refuses a card with another.

From its documentation (huggingface.co/docs/hub/repositories-licenses), without those of single models.
"""

from kd.errors import near

OTHER, UNKNOWN = "other", "unknown"
_KNOWN = (
    *("apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m"),
    *("bigscience-bloom-rail-1.0", "bigcode-openrail-m", "openrail++", "afl-3.0", "artistic-2.0", "bsl-1.0"),
    *("bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0"),
    *("cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0"),
    *("cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0"),
    *("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0"),
    *("cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "agpl-3.0"),
    *("gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "lppl-1.3c", "ms-pl"),
    *("mpl-2.0", "odc-by", "odbl", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl"),
    *("lgpl-lr", UNKNOWN, OTHER),
)


def checked(name: str) -> str:
    """An identifier as it is; ValueError for one that the Hub does not know."""
    if name not in _KNOWN:
        hint = near(name.lower(), _KNOWN)
        raise ValueError(
            f"no identifier of a licence that the Hugging Face Hub knows{hint}; allowed: {', '.join(_KNOWN)}"
            f" ({OTHER}: with licence_name and licence_link)"
        )
    return name
