"""What tests of exports share, as it takes torch seconds to make it."""

import json
from collections.abc import Iterator
from functools import cache

import pytest
from exported import ACCURACIES, CARD, ExportedStudent, small_export_job
from fake_runs import fake_run

from kd.export.card.card import CardFacts


@pytest.fixture(scope="session", autouse=True)
def translations() -> Iterator[None]:
    """For each file it writes, torch collects all operators of ONNX again, in two seconds; here it does so once."""
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry
    except ImportError:  # another version of torch, where each file takes its time
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture
def story(exported_student: ExportedStudent) -> CardFacts:
    """Of two seeds, the second being exported_student."""
    verification = json.loads((exported_student.folder / "verification.json").read_text())
    runs = {
        role: [
            fake_run(role, "small", seed, test_accuracy=accuracy) | {"architecture": "cnn"}
            for seed, accuracy in enumerate(ACCURACIES[role])
        ]
        for role in ("distilled", "alone")
    }
    return CardFacts(small_export_job(), runs["distilled"], 1, runs["alone"], verification, CARD)
