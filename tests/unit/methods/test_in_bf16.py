"""Every method trains in bf16 on a CPU, about as it does in float32."""

import numpy as np
import pytest
import torch
from bench import ours
from bench.images import Pictures
from bench.spec import Network
from tiers import sample

from kd.registry import method_names
from kd.runtime.speed import Speed

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
TEACHER = Network(name="teacher", architecture="vgg11", options={"width": 0.0625, "poolings": 3})
# Correlations of logits that hardly vary, as untrained networks have them, by a weight of hundreds.
AMPLIFIES = {"dist_plus": 0.2}
STUDENT = Network(name="student", architecture="vgg8", options={"width": 0.0625})


def pictures():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (16, 16, 16, 3)).astype(np.uint8)
    return Pictures(pixels, np.arange(16) % 4, 4, (0.5,) * 3, (0.25,) * 3, 1, True)


def first_losses(name, speed, folder):
    """Of two epochs of one step, after those that the method has before."""
    data, student = pictures(), ours.build(STUDENT, pictures(), CPU)
    method, teacher = ours.prepared_method(name, student, TEACHER, data, CPU, 2, folder, 16)
    rows = []
    settings = {"teacher": teacher, "method": method, "speed": speed}
    ours.train(student, data, CPU, batch=16, epochs=2, report=rows.append, **settings)
    return [row["loss"] for row in rows]


@pytest.mark.parametrize("name", sample(method_names(), ("kd", "dist", "vid", "crd", "dml")))
def test_a_method_has_the_losses_of_float32_but_for_rounding(name, tmp_path):
    exact, rounded = (first_losses(name, Speed(bf16=bf16), tmp_path / str(bf16)) for bf16 in (False, True))
    assert all(np.isfinite(rounded))
    assert rounded[0] == pytest.approx(exact[0], rel=AMPLIFIES.get(name, 0.05)), name
