"""Pictures inside a page, which then needs no other file."""

import base64


def as_address(picture: bytes, kind: str = "png") -> str:
    """A picture as an address that holds it, so that a page needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
