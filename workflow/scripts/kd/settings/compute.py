"""`compute:` of a config: where and how fast jobs run, which no result depends on but in its rounding."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kd.settings.types import Count, Positive, Threads


class Compute(BaseModel):
    """Where jobs run. Nothing here changes more of a result than its rounding, so a change reruns nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="auto takes the first there is")
    threads: Threads = Field(1, description="CPU cores of one job, as far as the machine has them")
    deterministic: bool = Field(True, description="on CUDA: the same bits every time, a little slower")
    checkpoint_seconds: Positive = Field(300, description="a training keeps its state at least this often")
    slots_per_device: Count = Field(1, description="jobs that share a GPU; --resources gpu=N starts N jobs")
    stream: Literal["auto", "always", "never"] = Field(
        "auto", description="bring images to the device batch by batch; auto: those that would fill it"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="bf16: autocast in training; auto: where a CUDA device has it"
    )
    compile: Literal["auto", "always", "never"] = Field(
        "auto", description="torch.compile; auto: in runs long enough to repay it, on a CPU for targets alone"
    )
    cuda_graphs: Literal["auto", "always", "never"] = Field(
        "auto", description="replay training steps instead of launching them; auto: in all but the shortest"
    )
