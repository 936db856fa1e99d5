"""Runs what a job computes, in this process or in several."""

from collections.abc import Callable

import torch

from kd.runtime.device import lease_devices, set_up_device
from kd.runtime.ranks.group import ALONE, Ranks
from kd.settings.compute import Compute


def run_on_devices(compute: Compute, work: Callable[[Ranks, torch.device], None]) -> None:
    """Call `work` here on one device, or in compute.gpus_per_job processes with a device each.

    In the latter case it is pickled, and this process waits for the others.
    """
    if compute.gpus_per_job == 1:
        return work(ALONE, set_up_device(compute))
    from kd.runtime.ranks.launcher import launch  # seconds, of those jobs alone that start others

    return launch(compute, lease_devices(compute), work)
