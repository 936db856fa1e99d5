"""Jobs on a machine with four pretended GPUs: how many run at once, and that each has one of its own."""

import json
import re

import numpy as np
import pytest

# What a job does on such a machine up to the point where CUDA would begin; it then computes on the CPU.
TAKES_A_GPU = """
    import atexit, json, time
    gpu, first = take_slot(4, compute.slots_per_device), time.monotonic()
    Path("taken").mkdir(exist_ok=True)
    record = Path(f"taken/{os.getpid()}")
    atexit.register(lambda: record.write_text(json.dumps([gpu, first, time.monotonic()])))
    device = torch.device("cpu")
"""
RUNS = [f"results/tiny/alone/cnn/{seed}/metrics.json" for seed in range(4)]


@pytest.fixture
def four_gpus(fresh, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    scripts = "workflow/scripts/kd/runtime"
    fresh.edit(
        f"{scripts}/hardware.py",
        '    hidden = os.environ.get("CUDA',
        '    return True\n    hidden = os.environ.get("CUDA',
    )
    fresh.edit(
        f"{scripts}/hardware.py", "        cores = len(os.sched_getaffinity(0))\n", "        return 4\n"
    )
    fresh.edit(f"{scripts}/device.py", "\n    device = _pick_device(compute.device)\n", TAKES_A_GPU)
    fresh.configure(seeds=[0, 1, 2, 3], compute={"device": "auto"})
    return fresh


def used(checkout):
    """Device, beginning and end of every training's use of a GPU."""
    return [json.loads(path.read_text()) for path in (checkout.folder / "taken").iterdir()]


def at_once(uses):
    return max(sum(start <= first < end for _, start, end in uses) for _, first, _ in uses)


@pytest.mark.full
@pytest.mark.parametrize(
    ("resources", "jobs"),
    [(["gpu=4"], 4), ([], 1), (["mem_mb=100000"], 1)],
    ids=["gpu=4", "no resources", "mem_mb alone"],
)
def test_jobs_at_once(four_gpus, resources, jobs):
    options = ["--resources", *resources] if resources else []
    four_gpus.run("--cores", "4", *options, "--", *RUNS)
    uses = used(four_gpus)
    assert len(uses) == 4
    assert at_once(uses) == jobs
    for device in {device for device, _, _ in uses}:
        assert at_once([use for use in uses if use[0] == device]) == 1


def test_only_jobs_in_which_a_network_runs_ask_for_a_gpu(fresh):
    """Of looking at networks: not what reads stored logits, whoever they are of."""
    np.savez(fresh.folder / "mine.npz", train_ids=[0], train_logits=[[0.0] * 10])
    fresh.configure(
        compute={"device": "cuda"},
        teachers={"vgg16": {"width": 0.125}, "mine": {"logits": "mine.npz"}},
        methods={"kd": {}, "plain": {"method": "cross_entropy"}},
        diagnostics={"cka": True},
        seeds=[0],
    )
    text = fresh.run("--dry-run")
    jobs = re.findall(r"(?m)^(?:local)?rule (\w+):\n((?:    .*\n)*)", text)
    asking = {rule: {" gpu=1" in body for name, body in jobs if name == rule} for rule, _ in jobs}
    networks = {"train_teacher", "train_baseline", "distill_student", "cache_targets"}
    networks |= {"compute_training_logits", "measure_fidelity", "compare_feature_maps"}
    assert {rule for rule, asked in asking.items() if asked == {True}} == networks
    stored = {"import_training_logits", "diagnose_teacher", "diagnose_baseline", "diagnose_distilled"}
    assert stored < {rule for rule, asked in asking.items() if asked == {False}}
