"""What a run may use to be fast: who decides, and that it changes nothing."""

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.streaming import StreamedImages
from kd.data.views import Split, ViewedImages
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.evaluation import inference
from kd.networks.factory import build_network
from kd.runtime import hardware, speed
from kd.runtime.speed import Speed, choose_speed
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.training.cuda_graph import GraphedStep
from kd.training.engine import fit
from kd.training.step import Step

pytestmark = pytest.mark.usefixtures("one_thread")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def hopper(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(speed, "lacking", lambda device: "")


def split(samples, seed=0, streamed=False):
    random = np.random.default_rng(seed)
    pixels = torch.from_numpy(random.integers(0, 256, (samples, 8, 8, 1), dtype=np.uint8))
    labels = torch.from_numpy(random.integers(0, 3, samples))
    how = Augmentation(1, True), (0.5,), (0.3,)
    return Split(StreamedImages(pixels, CPU, *how) if streamed else ViewedImages(pixels, *how), labels)


def train(how=Speed(), epochs=2, streamed=False):
    torch.manual_seed(0)
    model = build_network("cnn", {"width": 0.125}, 1, 3)
    recipe = Recipe(epochs=epochs, batch_size=8, lr=0.05)
    data = split(20, streamed=streamed), split(10, 1)
    training = fit(model, build_method("cross_entropy", {}), *data, recipe, seed=5, speed=how)
    return model.state_dict(), training.history


def test_several_gpus_have_no_graph_and_say_so(hopper):
    chosen = choose_speed(Compute(gpus_per_job=4), CUDA, 10**6)
    assert (chosen.graph, chosen.compile, chosen.ranks) == (False, True, 4)
    assert "step by step (no CUDA graph with several GPUs), compiled, 4 processes" in chosen.reason
    assert chosen.used(CPU)["ranks"] == 4
    synchronised = choose_speed(Compute(gpus_per_job=4, sync_batch_norm=True), CUDA, 10**6)
    assert not synchronised.compile
    assert "not compiled: batch norm is over all GPUs" in synchronised.reason
    # A teacher's forward passes have its own statistics.
    of_teacher = Compute(gpus_per_job=4, sync_batch_norm=True, compile="always")
    assert choose_speed(of_teacher, CUDA, 10**6, training=False).compile
    assert "ranks" not in choose_speed(Compute(), CUDA, 10**6).used(CPU)


@pytest.mark.parametrize("steps", [1, 10**6])
def test_a_cpu_computes_float32_as_it_is_however_long_the_run(steps):
    chosen = choose_speed(Compute(), CPU, steps)
    assert (chosen.bf16, chosen.graph, chosen.compile) == (False, False, False)
    assert chosen.reason == f"float32, step by step, not compiled ({steps} steps)"


@pytest.mark.parametrize(("steps", "compiled"), [(19_999, False), (20_000, True)])
def test_a_cpu_compiles_for_many_targets_and_for_no_training(monkeypatch, steps, compiled):
    monkeypatch.setattr(speed, "lacking", lambda device: "")
    assert choose_speed(Compute(), CPU, steps, training=False).compile is compiled
    assert not choose_speed(Compute(compile="never"), CPU, steps, training=False).compile
    assert not choose_speed(Compute(), CPU, steps).compile


def test_the_length_of_a_run_decides_on_a_gpu(hopper):
    def decided(steps, **compute):
        chosen = choose_speed(Compute(**compute), CUDA, steps)
        return chosen.bf16, chosen.graph, chosen.compile

    assert decided(10) == (True, False, False)
    assert decided(5000) == (True, True, False)
    assert decided(100_000) == (True, True, True)
    assert decided(10, compile="always", cuda_graphs="always", precision="fp32") == (False, True, True)
    assert decided(100_000, compile="never", cuda_graphs="never") == (True, False, False)


def test_an_older_gpu_computes_float32_and_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    chosen = choose_speed(Compute(), CUDA, 10)
    assert not chosen.bf16
    assert chosen.reason == "float32 (this GPU has no bf16), step by step, not compiled (10 steps)"


@pytest.mark.parametrize(("device", "training"), [(CUDA, True), (CPU, False)])
def test_compiling_is_not_chosen_where_it_cannot_work(hopper, monkeypatch, device, training):
    monkeypatch.setattr(speed, "lacking", lambda device: "there is no compiler (gcc, clang)")
    chosen = choose_speed(Compute(), device, 20_000, training=training)
    assert not chosen.compile
    assert chosen.reason.endswith("not compiled: there is no compiler (gcc, clang) (20000 steps)")
    with pytest.raises(UserError, match=r"compute\.compile: always cannot work here: there is no compiler"):
        choose_speed(Compute(compile="always"), device, 10, training=training)
    assert "no compiler" not in choose_speed(Compute(), device, 10, training=training).reason


@pytest.mark.parametrize(("bf16", "allowed"), [(False, False), (True, True)])
def test_float32_rounds_to_tf32_in_training_beside_bf16_alone(monkeypatch, bf16, allowed):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    with Speed(bf16=bf16).rounding():
        assert torch.backends.cudnn.allow_tf32 is allowed
    assert torch.backends.cudnn.allow_tf32 is False


def test_what_was_used_is_recorded():
    facts = {"device": "cpu", "precision": "bf16", "compiled": False, "cuda_graph": False}
    assert Speed(bf16=True, graph=True).used(CPU) == {**facts, "threads": 1, "deterministic": True}
    assert Speed(compile=True).used(CPU, replayed=True) == {
        **facts,
        "precision": "float32",
        "compiled": True,
        "cuda_graph": True,
        "threads": 1,
        "deterministic": True,
    }


def test_what_a_checkpoint_goes_on_with_names_precision_ranks_and_their_batch_norm():
    assert Speed(bf16=True, graph=True, compile=True).arithmetic == "bf16"
    several = Compute(gpus_per_job=2, precision="fp32")
    assert choose_speed(several, CPU, 9).arithmetic == "float32 2"
    together = choose_speed(several.model_copy(update={"sync_batch_norm": True}), CPU, 9)
    assert together.arithmetic == "float32 2 synchronised"
    assert together.used(CPU)["sync_batch_norm"]
    assert "sync_batch_norm" not in choose_speed(several, CPU, 9).used(CPU)
    assert choose_speed(Compute(sync_batch_norm=True, precision="fp32"), CPU, 9).arithmetic == "float32"


def test_bf16_is_refused_where_it_would_be_emulated(monkeypatch):
    monkeypatch.setattr(speed, "cpu_has_bf16", lambda: False)
    with pytest.raises(UserError, match=r"compute\.precision: .* allowed: auto, fp32"):
        choose_speed(Compute(precision="bf16"), CPU, 10)
    monkeypatch.setattr(speed, "cpu_has_bf16", lambda: True)
    assert choose_speed(Compute(precision="bf16"), CPU, 10).bf16


@pytest.mark.parametrize("there", [True, False])
def test_a_cpu_takes_bf16_where_it_has_it_and_the_network_gains(monkeypatch, there):
    monkeypatch.setattr(speed, "cpu_has_bf16", lambda: there)
    assert choose_speed(Compute(), CPU, 10, bf16_pays=True).bf16 is there
    assert not choose_speed(Compute(), CPU, 10).bf16
    assert not choose_speed(Compute(precision="fp32"), CPU, 10, bf16_pays=True).bf16


@pytest.mark.parametrize(("flag", "there"), [("avx512_bf16", True), ("amx_bf16", True), ("avx2", False)])
def test_the_processors_flags_say_whether_it_has_bf16(monkeypatch, flag, there):
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: f"flags\t: fpu sse {flag} xsave\n")
    assert hardware.cpu_has_bf16() == there


def test_bf16_trains_about_as_float32_does():
    weights, history = train(Speed(bf16=True))
    exact_weights, exact = train()
    for name, tensor in weights.items():
        assert tensor.dtype == exact_weights[name].dtype  # only the computing is in bf16, not what is kept
    assert history[0]["loss"] == pytest.approx(exact[0]["loss"], rel=0.02)
    assert history[0]["loss"] != exact[0]["loss"]


def test_a_step_that_cannot_be_recorded_goes_on_as_it_is(monkeypatch, caplog):
    """On a machine without CUDA none can, which is what a method that reads a number back looks like."""
    monkeypatch.setattr(GraphedStep, "_on_another_stream", lambda self, samples: self._step(samples))

    class Refused:
        def __init__(self, *graph, capture_error_mode="global"):
            assert capture_error_mode == "thread_local" or not graph

        def __enter__(self):
            raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Refused)
    monkeypatch.setattr(torch.cuda, "graph", Refused)
    graphed, plain = train(Speed(graph=True), epochs=4), train(epochs=4)
    for name, tensor in graphed[0].items():
        assert torch.equal(tensor, plain[0][name])
    assert [row["loss"] for row in graphed[1]] == [row["loss"] for row in plain[1]]
    messages = [record.message for record in caplog.records if "CUDA graph" in record.message]
    assert messages == ["goes on without a CUDA graph: operation not permitted when stream is capturing"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_replay_computes_the_batch_at_hand(monkeypatch, streamed):
    """A recording replaced by its own meaning: run the same step on what the buffers hold by then."""
    monkeypatch.setattr(GraphedStep, "_on_another_stream", lambda self, samples: self._step(samples))

    def record(self, samples):
        recorded = replace(samples, indices=self._indices)
        self._graph = type("Graph", (), {"replay": lambda graph: self._step(recorded)})()
        return True

    monkeypatch.setattr(GraphedStep, "_record", record)
    plain = train(epochs=4)
    monkeypatch.setattr(Loader, "check", lambda loader, samples: None)  # a replay runs no such code
    graphed = train(Speed(graph=True), epochs=4, streamed=streamed)
    for name, tensor in graphed[0].items():
        assert torch.equal(tensor, plain[0][name])
    assert [row["loss"] for row in graphed[1]] == [row["loss"] for row in plain[1]]


def test_a_batch_that_was_overwritten_is_not_replayed(monkeypatch):
    def record(self, samples):
        self._graph = type("Graph", (), {"replay": lambda graph: None})()
        return True

    monkeypatch.setattr(GraphedStep, "_on_another_stream", lambda self, samples: self._step(samples))
    monkeypatch.setattr(GraphedStep, "_record", record)
    loader, model = Loader(split(40, streamed=True), 8, 5), build_network("cnn", {"width": 0.125}, 1, 3)
    recipe, method = Recipe(epochs=1, batch_size=8, lr=0.05), build_method("cross_entropy", {})
    step = GraphedStep(Step(model, method, loader, recipe, None, Speed()), loader)
    batches = list(loader.epoch(0))
    for _ in range(4):
        step(batches[-1])
    assert step._graph
    with pytest.raises(RuntimeError, match="at hand"):
        step(batches[0])


def test_a_compiled_run_is_the_same_run(monkeypatch):
    """With the compiler replaced by one that only counts: whole batches go through it, others do not."""
    sizes = []

    def compiler(network, dynamic):
        assert dynamic is False
        return lambda images: sizes.append(len(images)) or network(images)

    monkeypatch.setattr(torch, "compile", compiler)
    monkeypatch.setattr(speed.os, "environ", {})
    compiled, plain = train(Speed(compile=True)), train()
    assert speed.os.environ == {
        "TORCHINDUCTOR_CACHE_DIR": str(Path.cwd() / ".snakemake/kd-compiled"),
        "TORCHINDUCTOR_COMPILE_THREADS": str(min(4, hardware.cpu_count())),
    }
    for name, tensor in compiled[0].items():
        assert torch.equal(tensor, plain[0][name])
    assert sizes == [8, 8] * 2


def test_batches_are_halved_until_they_fit(monkeypatch, caplog):
    caplog.set_level("INFO", "kd")
    monkeypatch.setattr(inference, "CPU_BATCH", (2**18, 16))
    model, tried = build_network("cnn", {"width": 0.125}, 1, 3).eval(), []
    data = split(20)

    class Small(nn.Module):
        def forward(self, images):
            tried.append(len(images))
            if len(images) > 5:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return model(images)

    everything = torch.arange(20)
    logits = torch.cat(list(inference.logits_of(Small(), data.images, everything, data.images.plain)))
    assert tried == [16, 8, 4, 4, 4, 4, 4]
    with torch.inference_mode():
        assert torch.allclose(logits, model(data.images.take(everything, data.images.plain)), atol=1e-6)
    assert [r.message.split("with ")[-1] for r in caplog.records] == ["8 images", "4 images"]


def test_a_batch_that_did_not_fit_is_not_tried_again(monkeypatch):
    """In later evaluations of the same network."""
    monkeypatch.setattr(inference, "CPU_BATCH", (2**18, 16))
    tried, data = [], split(20)

    class Small(nn.Module):
        def forward(self, images):
            tried.append(len(images))
            if len(images) > 10:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return images.mean(dim=(2, 3))

    model = Small()
    for _ in range(2):
        list(inference.logits_of(model, data.images, torch.arange(20), 0))
    assert tried == [16, 8, 8, 4, 8, 8, 4]


def test_one_image_that_does_not_fit_is_an_error():
    class Never(nn.Module):
        def forward(self, images):
            raise torch.OutOfMemoryError("CUDA out of memory")

    data = split(3)
    with pytest.raises(torch.OutOfMemoryError):
        list(inference.logits_of(Never(), data.images, torch.arange(3), 0))


# One process for each way, forked before it has computed anything.
STEPS = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
import torch
from kd.runtime.allocator import keep_freed_memory
for kept in (False, True):
    sys.stdout.flush()
    if os.fork():
        os.wait()
        continue
    if kept:
        assert keep_freed_memory()
    torch.set_num_threads(1)
    tensor = torch.ones(9 * 2**20)  # 36 MB: from 32 on glibc always gives memory back, unless it is told not to
    for _ in range(40 if kept else 1):  # until small pieces have found places of their own
        tensor * 2
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        tensor * 2
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    break
"""


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be set to keep memory")
def test_memory_that_a_step_frees_is_used_again_by_the_next():
    scripts = Path(speed.__file__).parents[2]
    command = [sys.executable, "-c", STEPS, scripts]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    returned, kept = map(int, done.stdout.split())
    pages = 20 * 36 * 2**20 // resource.getpagesize()
    assert returned > pages / 10
    assert kept < returned / 10  # once in a while a step finds its place taken, and gets a new one


# A thread that uses and frees memory, after another one that did: as parts of the next chunk of targets do.
THREADS = """
import resource, sys
from threading import Thread
sys.path.insert(0, sys.argv[1])
import torch
from kd.runtime.allocator import keep_freed_memory, share_heap
assert keep_freed_memory()
assert sys.argv[2] == "own" or share_heap()
torch.set_num_threads(1)
def steps():
    tensor = torch.ones(20 * 2**20)  # 80 MB: the heaps of threads hold up to 64
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(10):
        tensor * 2
    faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
faults = []
for _ in range(3):
    thread = Thread(target=steps)
    thread.start()
    thread.join()
print(faults[-1])
"""


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be set to keep memory")
def test_threads_that_share_a_heap_use_again_what_others_have_freed():
    scripts, faults = Path(speed.__file__).parents[2], []
    for heap in ("own", "shared"):
        command = [sys.executable, "-c", THREADS, scripts, heap]
        faults.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert faults[0] > 10 * 80 * 2**20 / resource.getpagesize() / 2
    assert faults[1] < faults[0] / 5
