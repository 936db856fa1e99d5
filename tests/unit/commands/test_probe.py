"""Networks are timed on random images, in about the time that is given."""

from types import SimpleNamespace

import pytest

from kd.commands.probe import Probe, timed
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe

CPU = Compute(device="cpu")


def network(architecture="cnn", batch_size=8, **options):
    return SimpleNamespace(architecture=architecture, options=options, recipe=Recipe(batch_size=batch_size))


def test_a_network_has_a_pace_and_its_parameters():
    probe = Probe(CPU, (8, 8, 1), 10, 0.1, 1)
    pace = probe.pace(network(channels=[8, 16]))
    assert pace.parameters == 1442
    assert 0 < pace.infer < 1
    assert 0 < pace.train < 1


def test_what_cannot_be_built_is_left_out():
    probe = Probe(CPU, (8, 8, 1), 10, 0.02, 2)
    networks = {"wrong": network("no_such"), "right": network(channels=[4])}
    assert list(dict(timed(probe, networks))) == ["right"]


def test_batches_are_as_large_as_the_time_allows(monkeypatch):
    """A step of n images takes n seconds here, on a clock that stands still otherwise."""
    probe = Probe(CPU, (8, 8, 1), 10, 60.0, 1)
    sizes, now = [], [0.0]

    def timed_step(run, size):
        sizes.append(size)
        now[0] += size
        return float(size)

    monkeypatch.setattr(probe, "_time", timed_step)
    monkeypatch.setattr("kd.commands.probe.time.monotonic", lambda: now[0])
    assert probe._per_image(None, most=128) == pytest.approx(1.0)
    assert sizes[:3] == [4, 4, 10]  # a third of half a minute
    assert sum(sizes) <= 8 + 30
