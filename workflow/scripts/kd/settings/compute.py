"""`compute:` of a config: where and how fast jobs run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kd.settings.types import Count, Positive, Threads


class Compute(BaseModel):
    """Where jobs run.

    A change reruns nothing, although results depend on it: in their rounding, which many epochs make larger.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Literal["auto", "cuda", "mps", "cpu"] = Field(
        "auto", description="auto: the first that the machine has"
    )
    threads: Threads = Field(1, description="CPU cores of one job, at most those of the machine")
    deterministic: bool = Field(True, description="on CUDA: the same bits every time, a little slower")
    checkpoint_seconds: Positive = Field(
        300, description="a training writes a checkpoint at least this often"
    )
    slots_per_device: Count = Field(1, description="jobs that share a GPU; --resources gpu=N starts N jobs")
    stream: Literal["auto", "always", "never"] = Field(
        "auto", description="copy images to the device batch by batch; auto: where all of them would fill it"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="bf16: autocast in training; auto: where a CUDA device has it"
    )
    compile: Literal["auto", "always", "never"] = Field(
        "auto", description="torch.compile; auto: in runs long enough to repay it; on a CPU only for targets"
    )
    cuda_graphs: Literal["auto", "always", "never"] = Field(
        "auto", description="replay training steps as CUDA graphs; auto: in all but the shortest runs"
    )
