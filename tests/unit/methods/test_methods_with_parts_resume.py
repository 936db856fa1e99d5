"""Whole trainings with methods that own modules, through the engine: cut off anywhere, and as files."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import copy
from functools import cache, partial
from itertools import product

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small_jobs import dataset, job, run, teacher  # noqa: F401 (fixtures)
from small_training import StopsAfter, network, split
from tiers import sample

from kd.distillation.base import Context
from kd.distillation.combined import build_method, build_methods
from kd.errors import UserError
from kd.networks.checkpoint import load_network, save_network
from kd.networks.factory import build_network
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = Recipe(epochs=2, batch_size=8, lr=0.05)
METHODS = {
    "crd": {"dimensions": 4, "negatives": 8},
    "crd-queue": {"dimensions": 4, "negatives": 9, "memory": "queue"},
    "ab": {"init_epochs": 2},
    "ft": {"init_epochs": 2, "weight": 5},
    "dml": {},
    "mgd": {"masked_share": 0.5},
    "pad": {"plain_share": 0.5},
    "semckd": {"samples": 8},
    "diffkd": {},
    "nd": {},
    "fcfd": {},
    "sskd": {"init_epochs": 2},
    "vkd": {},
    "norm": {"segments": 2},
}
NEWER = (
    "srd",
    "vkd",
    "pefd",
    "itrd",
    "pad",
    "mgd",
    "catkd",
    "ickd",
    "wkd_f",
    "semckd",
    "diffkd",
    "nd",
    "fcfd",
    "norm",
)


def course(name, **more):
    """A training of three steps an epoch, the last one of which is short: student, method, history."""
    student, taught_by, data = network(0), network(1, "resnet8x4"), split(20)
    method = build_method(name.partition("-")[0], METHODS.get(name, {}))
    torch.manual_seed(7)
    anew = partial(build_network, "resnet8x4", {"width": 0.125}, 1, 3)
    known = (1, 8, 8), 3, data.labels, RECIPE.epochs
    method.prepare(Context(student, taught_by, *known, new_teacher=anew))
    live = LiveTeacher(taught_by, stages="stages" in method.NEEDS)
    before = copy.deepcopy(taught_by.state_dict())
    history = fit(student, method, data, split(10, 1), RECIPE, seed=5, teacher=live, **more).history
    for key, tensor in taught_by.state_dict().items():
        assert torch.equal(tensor, before[key]), f"{key} of the teacher changed"
    return student, method, history


@pytest.fixture(scope="module")
def uninterrupted():
    torch.set_num_threads(1)
    return cache(course)


def timeless(history):
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "images_per_second")}
        for row in history
    ]


CUTS = {
    **{"crd": (2, 1, 5), "crd-queue": (6, 3), "dml": (4, 2)},
    **dict.fromkeys(("mgd", "pad", "semckd", "diffkd", "vkd", "nd", "fcfd", "norm"), (5, 2)),
    # two preliminary epochs of three steps: the border is before the seventh
    "ab": (7, 1, 2, 4, 6, 8, 10, 12),
    **dict.fromkeys(("ft", "sskd"), (7, 3, 6, 9)),
}


@pytest.mark.parametrize(
    ("name", "steps"),
    sample(
        [(name, steps) for name, cuts in CUTS.items() for steps in cuts],
        [("crd", 2), ("dml", 4), ("ab", 7), ("fcfd", 5)],
    ),
)
def test_cut_off_before_any_step_it_goes_on_to_the_same_bits(tmp_path, uninterrupted, name, steps):
    callback = StopsAfter(steps)
    with pytest.raises(Stopped):
        course(name, callback=callback, checkpoints=Checkpoints(tmp_path, 1000, callback.ending))
    torch.manual_seed(99)
    student, method, history = course(name, checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    plain, plain_method, plain_history = uninterrupted(name)
    for ours, theirs in ((student, plain), (method, plain_method)):
        for key, tensor in ours.state_dict().items():
            assert torch.equal(tensor, theirs.state_dict()[key]), key
    assert timeless(history) == timeless(plain_history)


class StopsAtTheBorder(StopsAfter):
    """Tells its training to end between two epochs, when the one with this number has been reported."""

    def __init__(self, epoch):
        super().__init__(0)
        self.epoch = epoch

    def on_epoch(self, row):
        if row["epoch"] == self.epoch:
            self.ending.name = "SIGTERM"


@pytest.mark.parametrize(
    ("name", "epoch"), sample(product(("ab", "ft", "sskd"), (1, 2, 3)), [("ab", 2), ("ft", 2)])
)
def test_cut_off_between_two_epochs_too(tmp_path, uninterrupted, name, epoch):
    """After the second the preliminary ones are over: their momentum must not come back."""
    callback = StopsAtTheBorder(epoch)
    with pytest.raises(Stopped):
        course(name, callback=callback, checkpoints=Checkpoints(tmp_path, 1000, callback.ending))
    student, _, history = course(name, checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    for key, tensor in student.state_dict().items():
        assert torch.equal(tensor, uninterrupted(name)[0].state_dict()[key]), key
    assert timeless(history) == timeless(uninterrupted(name)[2])


def test_preliminary_epochs_have_their_own_terms(uninterrupted):
    terms = [{key for key in row if key.startswith("loss_")} for row in uninterrupted("ab")[2]]
    assert terms == [{"loss_boundaries"}] * 2 + [{"loss_ce", "loss_kd"}] * 2
    ft = uninterrupted("ft")[2]
    assert ft[1]["loss_reconstruction"] < ft[0]["loss_reconstruction"]
    assert ft[0]["validation_loss"] == ft[1]["validation_loss"]  # the student has not moved


def test_preliminary_epochs_have_their_own_learning_rate(uninterrupted):
    assert [row["lr"] for row in uninterrupted("ab")[2][:3]] == [0.05, 0.05, 0.05]
    student, taught_by, data = network(0), network(1, "resnet8x4"), split(20)
    method = build_methods([("ab", {"init_epochs": 1, "init_lr": 0.01}), ("kd", {})])
    method.prepare(Context(student, taught_by, (1, 8, 8), 3, data.labels, RECIPE.epochs))
    live = LiveTeacher(taught_by, stages=True)
    history = fit(student, method, data, split(10, 1), RECIPE, seed=5, teacher=live).history
    assert [row["lr"] for row in history[:2]] == [0.01, 0.05]


def test_the_peer_learns(uninterrupted):
    torch.manual_seed(7)
    fresh = build_network("resnet8x4", {"width": 0.125}, 1, 3).state_dict()
    trained = uninterrupted("dml")[1].state_dict()
    assert not any(torch.equal(value, trained[f"peer.{key}"]) for key, value in fresh.items())


def test_the_paraphraser_stays_after_its_epochs(tmp_path, uninterrupted):
    callback = StopsAfter(7)  # before the first step of the recipe's epochs
    with pytest.raises(Stopped):
        course("ft", callback=callback, checkpoints=Checkpoints(tmp_path, 1000, callback.ending))
    kept = Checkpoints(tmp_path, 1000, StopSignal()).load()[0]
    for key, value in uninterrupted("ft")[1].state_dict().items():
        same = torch.equal(kept[f"method.{key}"], value)
        assert same == (not key.startswith("translator")), key


@pytest.mark.parametrize(
    "name",
    sample(
        ("crd", "reviewkd", "srrl", "ofd", "ab", "ft", "dml", "byot", "sskd", *NEWER),
        ("crd", "ab", "dml", "byot", "fcfd"),
    ),
)
def test_a_student_is_trained_by_the_script_and_its_file_holds_nothing_of_the_method(
    dataset,
    teacher,
    tmp_path,
    name,
):
    options = {"init_epochs": 1} if name in ("ab", "ft", "sskd") else {}
    what = job("distilled", epochs=2, teacher="big", method_name=name, methods=[(name, options)])
    metrics = run(tmp_path, dataset, what, teacher_model=teacher[0] / "model.safetensors")
    assert metrics["parameters"] == teacher[1]["parameters"]  # it is the same architecture
    loaded = load_network(tmp_path / "model.safetensors", torch.device("cpu"))
    assert sum(parameter.numel() for parameter in loaded.parameters()) == metrics["parameters"]
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 + options.get("init_epochs", 0)


def simkd(folder, dataset, teacher, **more):
    folder.mkdir()
    what = job("distilled", teacher="big", method_name="reuse", methods=[("simkd", {})], **more)
    files = {
        "teacher_model": teacher[0] / "model.safetensors",
        "teacher_logits": teacher[0] / "test_logits.npy",
    }
    return run(folder, dataset, what, **files)


def test_a_student_with_a_reused_classifier_comes_back_from_its_file_alone(dataset, teacher, tmp_path):
    from kd.data.dataset import read_dataset
    from kd.data.views import ViewedImages
    from kd.evaluation.metrics import evaluate

    metrics = simkd(tmp_path / "out", dataset, teacher)
    loaded = load_network(tmp_path / "out" / "model.safetensors", torch.device("cpu"))
    data = read_dataset(dataset)
    images, labels = (data.tensors()[f"test_{part}"] for part in ("images", "labels"))
    score = evaluate(loaded, ViewedImages(images, data.augmentation, data.mean, data.std), labels)
    assert np.array_equal(score.logits.numpy(), np.load(tmp_path / "out" / "test_logits.npy"))
    assert metrics["test_accuracy"] == score.accuracy
    taught_by = load_network(teacher[0] / "model.safetensors", torch.device("cpu"))
    assert torch.equal(loaded.classifier.weight, taught_by.classifier.weight)
    # stages of 72 + 16 + 576 + 16, the projector 8 → 4 → 4 → 8 with three norms, the classifier of 27
    assert metrics["parameters"] == 680 + (32 + 8 + 144 + 8 + 32 + 16) + 27
    assert metrics["loss_function"] == "1·MSE of features, with the teacher's classifier"
    assert len(loaded.stages) == 3


def test_a_plain_network_has_a_plain_file(teacher, tmp_path):
    with safe_open(teacher[0] / "model.safetensors", framework="pt") as file:
        assert "changes" not in file.metadata()["sealed"]
    about = {"architecture": "cnn", "options": {}, "in_channels": 1, "num_classes": 3}
    for name, more in (("without", {}), ("empty", {"changes": {}})):
        save_network(tmp_path / name, network().state_dict(), **about, **more)
    assert (tmp_path / "without").read_bytes() == (tmp_path / "empty").read_bytes()


def test_a_change_that_the_code_no_longer_has_is_named(tmp_path):
    about = {"architecture": "cnn", "options": {"width": 0.125}, "in_channels": 1, "num_classes": 3}
    save_network(tmp_path / "model", network().state_dict(), **about, changes={"gone": {}})
    with pytest.raises(UserError, match="method 'gone', which made a part of the network, is not defined in"):
        load_network(tmp_path / "model", torch.device("cpu"))


def test_changes_come_through_a_sum_of_methods():
    student, taught_by = network(0), network(1, "resnet8x4")
    both = build_methods([("kd", {}), ("simkd", {})])
    both.prepare(Context(student, taught_by, (1, 8, 8), 3, split(20).labels, 2))
    assert set(both.changes) == {"simkd"}
    assert both.changes["simkd"]["target"] == taught_by_shape(taught_by)


def taught_by_shape(taught_by):
    stages, _ = taught_by.eval().forward_stages(torch.zeros(1, 1, 8, 8))
    return tuple(stages[-1].shape[1:])
