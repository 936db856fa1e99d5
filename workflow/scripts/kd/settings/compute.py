"""`compute:` of a config: where and how fast jobs run."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kd.settings.types import Count, Gpus, Positive, ThreadsOrAuto


class Compute(BaseModel):
    """Where jobs run.

    A change reruns nothing, although results depend on it: in their rounding, which many epochs make larger.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Literal["auto", "cuda", "mps", "cpu"] = Field(
        "auto", description="auto: the first that the machine has"
    )
    threads: ThreadsOrAuto = Field(
        1,
        description="CPU cores of a job, at most those of the machine; auto: 1, of the last students more",
    )
    deterministic: bool = Field(True, description="on CUDA: the same bits every time, a little slower")
    checkpoint_seconds: Positive = Field(
        300, description="a training writes a checkpoint at least this often"
    )
    slots_per_device: Count = Field(1, description="jobs that share a GPU; --resources gpu=N starts N jobs")
    gpus_per_job: Gpus = Field(
        1, description="GPUs that train one network together, each on its part of every batch"
    )
    sync_batch_norm: bool = Field(
        False, description="with several GPUs: batch norm over the batch of all of them"
    )
    stream: Literal["auto", "always", "never"] = Field(
        "auto", description="copy images to the device batch by batch; auto: where all of them would fill it"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="bf16: autocast in training; auto: on CUDA devices that have it, on CPUs where it pays",
    )
    compile: Literal["auto", "always", "never"] = Field(
        "auto", description="torch.compile; auto: in runs long enough to repay it; on a CPU only for targets"
    )
    cuda_graphs: Literal["auto", "always", "never"] = Field(
        "auto", description="replay training steps as CUDA graphs; auto: in all but the shortest runs"
    )

    @property
    def cores(self) -> int:
        """CPU cores of a job, but for the last students where threads is auto."""
        return 1 if self.threads == "auto" else self.threads

    @model_validator(mode="after")
    def _refuse_what_several_cannot(self) -> Self:
        if self.gpus_per_job > 1:
            if self.device == "mps":
                raise ValueError("gpus_per_job: of device mps there is one; allowed: 1")
            if self.cuda_graphs == "always":
                raise ValueError("cuda_graphs: always needs gpus_per_job: 1; allowed with more: auto, never")
        if self.sync_batch_norm and self.device in ("cpu", "mps"):
            raise ValueError("sync_batch_norm: needs GPUs of CUDA; allowed with this device: false")
        return self
