"""What a config may say of several GPUs in one job."""

import pytest
from pydantic import ValidationError

from kd.settings.compute import Compute


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"gpus_per_job": 2, "device": "mps"}, "gpus_per_job: of device mps there is one; allowed: 1"),
        ({"gpus_per_job": 2, "cuda_graphs": "always"}, "cuda_graphs: always needs gpus_per_job: 1; "),
        ({"sync_batch_norm": True, "device": "cpu"}, "sync_batch_norm: needs GPUs of CUDA; "),
        ({"gpus_per_job": 0}, "greater than or equal to 1"),
    ],
)
def test_what_several_gpus_cannot_is_refused(values, line):
    with pytest.raises(ValidationError, match=line):
        Compute(**values)


def test_one_gpu_is_the_default():
    assert Compute().gpus_per_job == 1
    assert Compute(gpus_per_job=2, sync_batch_norm=True).cuda_graphs == "auto"
