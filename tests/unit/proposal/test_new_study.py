"""The script that writes a config for a folder of images."""

import os
from pathlib import Path

import pytest
import yaml

import new_study
from kd.config.load import load_study
from kd.config.study.warnings import warnings
from kd.proposal import questions


@pytest.fixture
def new(photos, capsys):
    """Run the script on the photos; its exit status, what it printed, and its errors."""

    def run(*arguments, data=str(photos)):
        status = new_study.main(["--folder", "config", "--data", data, *arguments])
        return status, *capsys.readouterr()

    return run


def written(name):
    with open(f"config/{name}.yaml") as file:
        return file.read()


def test_without_pretrained_weights(new, photos):
    status, out, err = new("--study", "pets", "--yes")
    assert (status, err) == (0, "")
    assert "Pretrained weights cannot be downloaded here, so all networks are trained from scratch." in out
    assert out.endswith("make plan STUDY=pets\nRun:                     make run STUDY=pets\n")
    text = written("pets")
    assert text in out
    study = load_study(yaml.safe_load(text))
    assert (study.teachers["resnet18"].recipe.epochs, study.teachers["resnet18"].recipe.batch_size) == (
        100,
        8,
    )
    assert study.students.keys() == {"mobilenetv2_half"}
    assert study.dataset.options["image_size"] == 32
    assert study.dataset.options["path"] == str(photos)
    assert study.seeds == (0,)


def test_with_pretrained_weights_all_is_fine_tuned(new, machine):
    machine["weights"] = True
    new("--study", "pets", "--yes")
    study = load_study(yaml.safe_load(written("pets")))
    teacher, student = study.teachers["resnet50"], study.students["mobilenet_v3_small"]
    assert (teacher.architecture, student.architecture) == (
        "torchvision/resnet50",
        "torchvision/mobilenet_v3_small",
    )
    assert teacher.options == {"pretrained": True, "input_size": 64, "stem": "own"}
    assert (
        (teacher.recipe.lr, teacher.recipe.epochs) == (student.recipe.lr, student.recipe.epochs) == (0.01, 30)
    )
    assert warnings(study) == []


def test_a_config_is_short_and_says_what_it_has(new, machine):
    machine["weights"] = True
    new("--study", "pets", "--yes", "--group-by", r"(\d)\d")
    lines = written("pets").splitlines()
    assert len([line for line in lines if not line.startswith("#")]) <= 16
    assert lines[1].startswith("# 72 images, 3 classes (a folder for each class): ")
    assert r"  group_by: (\d)\d" in lines[8]


def test_all_options(new, machine):
    machine["weights"] = True
    options = "--teacher timm/vit_tiny_patch16_224 --students resnet8,torchvision/resnet18 --image-size 48"
    options += " --epochs 7 --seeds 3 --test-fraction 0.5"
    status, _, err = new("--study", "pets", *options.split())
    assert (status, err) == (0, "")
    study = load_study(yaml.safe_load(written("pets")))
    teacher = study.teachers["vit_tiny_patch16_224"]
    assert teacher.options["input_size"] is None  # one size only: the library's own
    assert (teacher.recipe.epochs, teacher.recipe.lr) == (30, 0.01)
    assert study.students["resnet8"].recipe.epochs == 7
    assert study.students["resnet18"].options["input_size"] == 48
    assert (study.seeds, study.dataset.options["test_fraction"]) == ((0, 1, 2), 0.5)
    new("--study", "scratch", "--no-pretrained", "--teacher", "torchvision/resnet18")
    assert not load_study(yaml.safe_load(written("scratch"))).teachers["resnet18"].options["pretrained"]


def test_a_gpu_takes_larger_images(new, machine):
    machine["gpu"] = True
    new("--study", "pets", "--yes")
    assert load_study(yaml.safe_load(written("pets"))).dataset.options["image_size"] == 64


@pytest.mark.parametrize("place", [".", "elsewhere"])
def test_a_path_is_as_snakemake_needs_it(photos, monkeypatch, place):
    (photos.parent / place).mkdir(exist_ok=True)
    monkeypatch.chdir(photos.parent / place)
    data = os.path.relpath(photos)
    assert new_study.main(["--folder", str(photos.parent / "config"), "--data", data, "--study", "pets"]) == 0
    written = yaml.safe_load((photos.parent / "config" / "pets.yaml").read_text())
    assert Path(written["dataset"]["path"]).resolve() == photos
    assert Path(written["dataset"]["path"]).is_absolute() == (place != ".")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            "--study a/b",
            "--study: a name holds letters, digits, '_' and '-', and starts with a letter or digit",
        ),
        ("--study a --image-size 4", "--image-size: should be greater than or equal to 8 (it is 4)"),
        ("--study a --epochs 0", "--epochs: should be greater than or equal to 1 (it is 0)"),
        ("--study a --seeds 99", "--seeds: should be less than or equal to 20 (it is 99)"),
        ("--study a --test-fraction 2", "--test-fraction: should be less than 1 (it is 2.0)"),
        (
            "--study a --teacher ResNet-18x",
            "--teacher: there is no architecture 'ResNet-18x'; did you mean 'resnet18'?",
        ),
        (
            "--study a --students mobilenet_v3",
            "--students: there is no architecture 'mobilenet_v3'; did you mean torch",
        ),
        ("--study a --group-by x", "dataset.group_by: 'x' has no brackets"),
        ("--study a --data nowhere", "dataset.path: no folder 'nowhere'"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(new, tmp_path, options, says):
    status, _, err = new(*options.split())
    assert status == 1
    assert err.startswith(f"error: {says}")
    assert err.count("\n") == 1
    assert not (tmp_path / "config").exists()


def test_nothing_is_overwritten(new):
    new("--study", "pets", "--yes")
    before = written("pets")
    status, out, err = new("--study", "pets", "--seeds", "3")
    assert (status, out) == (1, "")
    assert (
        err
        == "error: --study: config/pets.yaml exists and is not overwritten; choose another name, or delete it\n"
    )
    assert written("pets") == before


def test_without_a_terminal_the_folder_is_required(photos, capsys):
    assert new_study.main(["--folder", "config"]) == 1
    assert capsys.readouterr().err == "error: --data is required where there is no terminal to ask on\n"


def test_questions_are_asked_until_their_answers_are_right(photos, monkeypatch, capsys):
    answers = {
        "Folder of images": ["", str(photos)],
        "Name of the study": ["a/b", "pets"],
        "Teacher": ["resnet18x", "resnet8"],
        "Students": ["cnn,cnn"],
        "Image size in pixels": ["big", "16"],
        "Epochs of every training": ["-1", "2"],
        "Runs of every student": ["2"],
    }
    asked = []

    def ask(question, default):
        asked.append((question, default))
        return answers[question].pop(0)

    monkeypatch.setattr(questions.Prompt, "ask", ask)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert new_study.main(["--folder", "config"]) == 0
    assert not any(answers.values())
    assert dict(asked)["Name of the study"] == "my_photos"
    study = load_study(yaml.safe_load(written("pets")))
    assert (list(study.teachers), list(study.students), study.seeds) == (["resnet8"], ["cnn"], (0, 1))
    assert (study.dataset.options["image_size"], study.students["cnn"].recipe.epochs) == (16, 2)


def test_an_end_of_input_writes_nothing(photos, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    def end(question, default):
        raise EOFError

    monkeypatch.setattr(questions.Prompt, "ask", end)
    assert new_study.main(["--folder", "config"]) == 1
    assert capsys.readouterr().err == "\nNothing was written.\n"
