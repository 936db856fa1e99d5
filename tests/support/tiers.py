"""Which cases of a test `make test` runs; `make test-all` runs every one."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest

FULL = pytest.mark.full


def sample(cases: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """All `cases` as parameters of a test, those that are not in `quick` in the full tier alone.

    A case that is a tuple has a value for each of several arguments. A member of `quick` that is no case is an
    AssertionError: the sample would silently be smaller than it was chosen.
    """
    cases = list(cases)
    unknown = [case for case in quick if case not in cases]
    assert not unknown, f"no such cases: {unknown}"
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=() if case in quick else FULL)
        for case in cases
    ]
