"""What a job cannot do is reported in one line that says what to do."""

import pytest
import torch

from kd.errors import UserError
from kd.networks import limits
from kd.runtime import device

CPU = torch.device("cpu")


def linear(inputs, outputs):
    return lambda: torch.nn.Linear(inputs, outputs, bias=False)


def test_weights_gradients_momentum_and_the_selected_weights_have_to_fit(monkeypatch):
    """1,000 parameters of four bytes, four times."""
    monkeypatch.setattr(limits, "total_memory", lambda device: 16_000)
    limits.check_memory(linear(10, 100), CPU)
    with pytest.raises(UserError, match=r"it has 1,010 parameters, .* make it smaller"):
        limits.check_memory(linear(10, 101), CPU)


def test_looking_at_a_network_takes_no_memory():
    with pytest.raises(UserError, match=r"1,000,000,000,000 parameters, and training it takes 16000\.0 GB"):
        limits.check_memory(linear(10**6, 10**6), CPU)


def test_a_control_group_with_less_memory_than_the_machine_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "_control_groups", lambda: [tmp_path])
    machine = device.total_memory(CPU)
    (tmp_path / "memory.max").write_text("max\n")
    assert device.total_memory(CPU) == machine > 1_000_000
    (tmp_path / "memory.max").write_text("1000000\n")
    assert device.total_memory(CPU) == 1_000_000


def test_what_the_cpu_itself_says_is_explained():
    with (
        pytest.raises(UserError, match=r"too small .*allocate.*; lower batch_size"),
        device.memory_explained(),
    ):
        torch.empty(10**15)


def test_other_errors_pass_as_they_are():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), device.memory_explained():
        torch.ones(2, 3) @ torch.ones(2, 3)
