"""What several unit tests share and takes a second to make."""

import pytest


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """A small network that knows digits, shipped; see shipped.py."""
    from shipped import ship

    return ship(tmp_path_factory.mktemp("shipped"))
