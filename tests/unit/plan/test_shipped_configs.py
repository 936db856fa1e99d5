"""The configs that are shipped beside the default study: each is planned, whole."""

import shutil
from pathlib import Path

import pytest
import yaml
from bad_images import make_images

from kd import registry
from kd.config.files.extends import extended
from kd.config.load import load_config
from kd.config.study.warnings import warnings
from kd.plan.files import Plan
from kd.plan.training import distill_job

CONFIG = Path(__file__).parents[3] / "config"
RECIPES = ("cifar10_fast", "cifar10_vit", "photos_vit", "cifar10_cpu", "fine_tuning", "imagenet")
BENCHMARKS = ("crd", "imagenet_r34_r18")
NEW = ("template", "own_images", "cifar100", *BENCHMARKS, *RECIPES)

CRD_PAIRS = (
    *("wrn_40_2 wrn_16_2", "wrn_40_2 wrn_40_1", "resnet56 resnet20", "resnet110 resnet20"),
    *("resnet110 resnet32", "resnet32x4 resnet8x4", "vgg13 vgg8"),
    *("vgg13 mobilenetv2_half", "resnet50 mobilenetv2_half", "resnet50 vgg8"),
    *("resnet32x4 shufflenetv1", "resnet32x4 shufflenetv2", "wrn_40_2 shufflenetv1"),
)
CRD_METHODS = {"kd", "fitnet", "at", "sp", "cc", "vid", "rkd", "pkt", "ab", "ft", "fsp", "nst", "crd"}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The plan of a config, beside a folder of images that it may name."""
    monkeypatch.chdir(tmp_path)
    make_images(tmp_path / "made")
    shutil.copytree(tmp_path / "made", tmp_path / "data/imagenet")

    def of(name):
        split = name == "photos_vit"  # the others split the photos themselves
        shutil.rmtree(tmp_path / "data/photos", ignore_errors=True)
        shutil.copytree(tmp_path / ("made" if split else "made/train"), tmp_path / "data/photos")
        file = CONFIG / f"{name}.yaml"
        return Plan.of(load_config(yaml.safe_load(file.read_text()), [str(file)]))

    return of


def test_every_config_is_in_the_table_of_the_readme():
    text = (CONFIG / "README.md").read_text().split("## The studies in this folder")[1].split("\n## ")[0]
    assert {f"| [{file.name}]({file.name}) |" for file in CONFIG.glob("*.yaml")} <= {
        f"{line.split(' |')[0]} |" for line in text.splitlines()
    }


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
    assert warnings(study) == []


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


def test_the_whole_benchmark_is_trained_as_by_its_authors(plan):
    """Tian et al. 2020, tables 1 and 2: 7 pairs of one architectural type and 6 of two."""
    study = plan("crd").study
    assert {f"{teacher} {student}" for teacher, student in study.pairs} == set(CRD_PAIRS)
    for name, network in (study.teachers | study.students).items():
        recipe = network.recipe
        slow = name in ("mobilenetv2_half", "shufflenetv1", "shufflenetv2")
        assert (recipe.epochs, recipe.batch_size, recipe.lr) == (240, 64, 0.01 if slow else 0.05)
        assert (recipe.milestones, recipe.gamma, recipe.weight_decay) == ((150, 180, 210), 0.1, 5e-4)
        assert (recipe.momentum, recipe.nesterov, recipe.schedule) == (0.9, False, "multi_step")
    assert (study.dataset.validation, len(study.seeds)) == (0, 5)
    assert len(study.methods) == 13 + 6  # DKD, DIST, MLKD; KD, DKD and MLKD with standardized logits
    assert {method for method in study.methods if len(study.pairs_of(method)) < 13} == {"fsp"}
    assert warnings(study) == []


def test_the_weights_of_a_pair_are_those_of_the_authors(plan):
    """mdistiller, configs/cifar100/dkd, and the logs that logit-standardization-KD names for its pairs."""
    study = plan("crd").study

    def options(method):
        return [distill_job(study, *pair.split(), method, 0).methods[0][1] for pair in CRD_PAIRS]

    assert [values["nckd_weight"] for values in options("dkd")] == list(map(int, "6622286688888"))
    standardized = [
        (int(values["temperature"]), int(values["kd_weight"])) for values in options("kd_standardized")
    ]
    usual = (2, 9)
    assert standardized == [
        *(usual, usual, usual, (4, 12), usual, usual, (3, 9)),
        *((3, 9), (3, 1), usual, usual, usual, usual),
    ]
    assert {tuple(values["temperatures"]) for values in options("mlkd_standardized")} == {(2, 2, 3, 5, 6)}


def test_published_accuracies_of_the_benchmark(plan):
    """Some of table 1 and 2, the number of all, and one pair for which there is none."""
    cells = {cell.row: cell.accuracy for cell in plan("crd").study.published}
    student = "distilled student"
    assert cells["teacher", "resnet32x4", "", ""] == 79.42
    assert cells["student alone", "shufflenetv2", "", ""] == 71.82
    assert cells[student, "wrn_16_2", "wrn_40_2", "kd"] == 74.92
    assert cells[student, "vgg8", "resnet50", "crd"] == 74.30
    assert cells[student, "mobilenetv2_half", "resnet50", "at"] == 58.58
    assert cells[student, "resnet8x4", "resnet32x4", "mlkd_standardized"] == 78.28
    assert len([row for row in cells if row[0] == student and row[3] in CRD_METHODS]) == 12 * 13 + 6
    assert (student, "vgg8", "resnet50", "dkd") not in cells
    assert len(cells) == 15 + 162 + 12 + 6 + 4 * 10


def test_the_comparison_of_methods_has_all_that_take_one_teacher(plan):
    study = plan("cifar10_methods").study
    parts = {name for method in study.methods.values() for name, _ in method.parts}
    assert parts == registry.methods().keys() - {"cross_entropy", "multi_head"}
    assert all(study.pairs_of(method) for method in study.methods)
    assert (study.dataset.train_images, study.seeds) == (10_000, (0, 1, 2))


def test_the_study_for_cpus_has_the_networks_and_the_recipe_of_that_for_gpus(plan):
    cpu, fast = plan("cifar10_cpu").study, plan("cifar10_fast").study
    assert cpu.teachers.keys() == fast.teachers.keys()
    for name, network in cpu.teachers.items():
        own = fast.teachers[name].recipe.model_copy(update={"epochs": 8, "batch_size": 128, "lr": 0.2})
        assert network.recipe == own
    assert (cpu.dataset.train_images, len(cpu.students), len(cpu.methods), len(cpu.seeds)) == (None, 2, 3, 3)


def test_the_usual_pair_of_imagenet(plan):
    study = plan("imagenet_r34_r18").study
    recipe = study.students["resnet18"].recipe
    assert (recipe.epochs, recipe.batch_size, recipe.highest_lr, recipe.weight_decay) == (100, 256, 0.1, 1e-4)
    assert (recipe.milestones, study.dataset.validation) == ((30, 60, 90), 0)
    assert study.externals["resnet34"].architecture == "torchvision/resnet34"
    cells = {cell.method or cell.role: cell.accuracy for cell in study.published}
    assert (cells["teacher"], cells["student alone"], cells["dist"]) == (73.31, 69.76, 72.07)
    assert cells.keys() - {"teacher", "student alone"} == study.methods.keys()


def in_the_page(name):
    """The config of this name in the page of benchmarks."""
    page = (CONFIG.parent / "docs/how-to/benchmark.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block.partition("```")[0]) for block in page.split("```yaml\n")[1:]]
    return next(block for block in blocks if block.get("study") == name)


@pytest.mark.parametrize(
    ("name", "epochs", "batch", "dot", "cells"),
    [
        (
            *("crd_dot", 240, 64, 0.075),
            {
                ("resnet32x4", "resnet8x4"): (0.05, 75.12),
                ("resnet32x4", "shufflenetv2"): (0.01, 75.55),
                ("vgg13", "vgg8"): (0.05, 73.77),
            },
        ),
        ("imagenet_dot", 100, 512, 0.09, {("resnet34", "resnet18"): (0.2, 71.72)}),
    ],
)
def test_kd_with_dot_is_trained_as_by_its_authors(plan, name, epochs, batch, dot, cells):
    """mdistiller (a08d46f): configs/cifar100/dot, configs/imagenet/r34_r18/dot.yaml, and its README."""
    plan("crd")  # which goes into the folder of the images
    variant = Path("config") / f"{name}.yaml"
    shutil.copytree(CONFIG, "config")
    variant.write_text(yaml.safe_dump(in_the_page(name)))
    whole, files = extended(yaml.safe_load(variant.read_text()), [variant])
    study = load_config(whole, [variant, *files])
    assert set(study.pairs_of("kd")) == cells.keys()
    known = {(cell.teacher, cell.name): cell.accuracy for cell in study.published}
    for (teacher, student), (lr, accuracy) in cells.items():
        job = distill_job(study, teacher, student, "kd", 0)
        recipe, (method, options) = job.recipe, job.methods[0]
        assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.dot) == (epochs, batch, lr, dot)
        usual = (4, 0.1, 0.9) if name == "crd_dot" else (1, 0.5, 0.5)
        assert (method, *map(options.get, ("temperature", "ce_weight", "kd_weight"))) == ("kd", *usual)
        assert known[teacher, student] == accuracy
    assert len(known) == len(cells)


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
    lines = warnings(plan(name).study)
    assert [line for line in lines if "logits are stored" not in line] == []
    assert len(lines) == (name == "imagenet")


@pytest.mark.parametrize("name", NEW)
def test_every_student_of_it_is_planned(plan, name):
    whole = plan(name)
    for method in whole.study.methods:
        for teacher, student in whole.study.pairs_of(method):
            inputs = whole.student_inputs(teacher, student, method, seed=0)
            assert {"dataset", "teacher_model", "teacher_logits"} <= inputs.keys()
