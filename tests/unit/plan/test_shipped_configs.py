"""The configs that are shipped beside the default study: each is planned, whole."""

import shutil
from pathlib import Path

import pytest
import yaml
from bad_images import make_images

from kd.config.load import load_config
from kd.plan.files import Plan

CONFIG = Path(__file__).parents[3] / "config"
RECIPES = ("cifar10_fast", "cifar10_vit", "fine_tuning", "imagenet")
NEW = ("template", "own_images", "cifar100", *RECIPES)


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The plan of a config, beside a folder of images that it may name."""
    monkeypatch.chdir(tmp_path)
    make_images(tmp_path / "made")
    shutil.copytree(tmp_path / "made/train", tmp_path / "data/photos")
    shutil.copytree(tmp_path / "made", tmp_path / "data/imagenet")

    def of(name):
        file = CONFIG / f"{name}.yaml"
        return Plan.of(load_config(yaml.safe_load(file.read_text()), [str(file)]))

    return of


def test_the_template_is_short(plan):
    assert len((CONFIG / "template.yaml").read_text().splitlines()) <= 15
    study = plan("template").study
    assert (list(study.methods), study.seeds) == (["kd", "dkd"], (0, 1, 2))


def test_the_demo_is_a_part_of_the_default_study(plan):
    """So that its students are comparable to those of docs/results/digits.md."""
    demo, default = plan("demo").study, plan("config").study
    assert demo.teachers["resnet18"] == default.teachers["resnet18"]
    assert demo.students["cnn"] == default.students["cnn"]
    assert (demo.dataset, demo.seeds) == (default.dataset, (0, 1, 2, 3))


def test_own_images_are_split_and_networks_fine_tuned(plan):
    study = plan("own_images").study
    networks = {**study.teachers, **study.students}
    assert all(network.options["pretrained"] for network in networks.values())
    assert {network.recipe.lr for network in networks.values()} == {0.01}
    assert study.dataset.options["test_fraction"] == 0.2
    assert study.warnings() == []


def test_the_benchmark_has_the_hyperparameters_of_its_paper(plan):
    """Tian et al. 2020, section 4.1 and appendix, and train_student.py of RepDistiller."""
    study = plan("cifar100").study
    for network in (*study.teachers.values(), *study.students.values()):
        recipe = network.recipe
        assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.weight_decay) == (240, 64, 0.05, 5e-4)
        assert (recipe.schedule, recipe.milestones, recipe.gamma) == ("multi_step", (150, 180, 210), 0.1)
    assert len(study.pairs) >= 4
    assert {student for _, student in study.pairs} == set(study.students)
    assert study.teachers["vgg13"].options["poolings"] == study.students["vgg8"].options["poolings"] == 3
    kd = study.methods["kd"].parts[0][1]
    assert (kd["temperature"], kd["ce_weight"], kd["kd_weight"]) == (4, 0.1, 0.9)


def test_the_recipes_are_those_of_their_sources(plan):
    """Page 2018, DeiT (Touvron et al. 2021, table 9), and torchvision's blog post on its second weights."""
    page = plan("cifar10_fast").study.teachers["resnet18"].recipe
    assert (page.highest_lr, page.nesterov, page.weight_decay) == (pytest.approx(0.4), True, 5e-4)
    deit = plan("cifar10_vit").study
    student, teacher = deit.students["vit_tiny"].recipe, deit.teachers["resnet18"].recipe
    assert (student.optimizer, student.weight_decay, student.weight_decay_on) == ("adamw", 0.05, "weights")
    assert (teacher.optimizer, teacher.momentum, teacher.weight_decay) == ("sgd", 0.9, 5e-4)
    vision = plan("imagenet").study.teachers["resnet50"].recipe
    assert vision.highest_lr * 1024 / vision.batch_size == pytest.approx(0.5)
    assert (vision.weight_decay, vision.weight_decay_on, vision.warmup_epochs) == (2e-5, "weights", 5)


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipe_gives_a_warning(plan, name):
    """For ImageNet the teacher of two students is run for every epoch once, which is said."""
    lines = plan(name).study.warnings()
    assert [line for line in lines if "logits are stored" not in line] == []
    assert len(lines) == (name == "imagenet")


@pytest.mark.parametrize("name", NEW)
def test_every_student_of_it_is_planned(plan, name):
    whole = plan(name)
    for method in whole.study.methods:
        for teacher, student in whole.study.pairs_of(method):
            inputs = whole.student_inputs(teacher, student, method, seed=0)
            assert {"dataset", "teacher_model", "teacher_logits"} <= inputs.keys()
