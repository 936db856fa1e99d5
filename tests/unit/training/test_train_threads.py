"""How many cores a training uses."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import json

import pytest
from small_jobs import dataset, job, outputs_in  # noqa: F401 (fixtures)

import train
from kd.settings.compute import Compute

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_job_with_a_larger_share_of_the_cores_uses_it_where_threads_is_auto(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("kd.runtime.device.cpu_count", lambda: 2)
    used = {}
    for threads, share in (("auto", 2), ("auto", 1), (1, 2)):
        outputs = outputs_in(tmp_path)
        train.main(
            job(epochs=1), dataset, outputs, compute=Compute(device="cpu", threads=threads), share=share
        )
        used[threads, share] = json.loads(outputs.metrics.read_text())["compute"]["threads"]
    assert used == {("auto", 2): 2, ("auto", 1): 1, (1, 2): 1}
