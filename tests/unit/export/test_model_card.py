"""The model card of an exported student: what its head and its text say, and whether its lines do what they say."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from exported import normalised, small_export_job
from odd_exif import ODD, exif
from PIL import Image

import export_student
import predict
from kd import registry
from kd.config.load import load_study
from kd.export.card.card import card_of, choose
from kd.export.card.papers import paper_of
from kd.plan.export import export_job

pytestmark = pytest.mark.usefixtures("one_thread")


def parts(text):
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    return yaml.safe_load(head), body


def card(exported_student):
    return parts((exported_student.folder / "README.md").read_text())


def cells(body):
    return dict(re.findall(r"(?m)^\| ([^|`]+?) +\| +([^|]+?) \|$", body))


def test_the_head_of_the_card_is_what_the_hub_reads(exported_student):
    head, _ = card(exported_student)
    assert head["license"] == "unknown"
    assert not {"license_name", "license_link"} & set(head)
    assert head["pipeline_tag"] == "image-classification"
    assert head["datasets"] == ["someone/digits"]
    assert {"onnx", "knowledge-distillation"} <= set(head["tags"])
    (model,) = head["model-index"]
    assert model["name"] == "digits-small-from-resnet18-by-hot"
    (result,) = model["results"]
    assert result["dataset"] == {"name": "my digits", "type": "someone/digits", "split": "test"}


def test_the_head_has_the_numbers_of_the_whole_test_set_and_the_table_says_of_how_many_its_are(
    exported_student,
):
    head, body = card(exported_student)
    (result,) = head["model-index"][0]["results"]
    # As the run's metrics have them; files were compared on 100 of the 150 test images.
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {
        "accuracy": 94.0,
        "ece": 3.21,
    }
    assert "| accuracy of 100 images | ECE of 100 images |" in body
    assert "On 100 of the 150 test images." in body
    assert "Measured on all 150 test images" in body


def test_data_that_the_hub_has_not_are_not_named_to_it(story):
    head, _ = parts(
        card_of(replace(story, job=small_export_job().model_copy(update={"hub_data": None})), None)
    )
    assert "datasets" not in head
    assert head["model-index"][0]["results"][0]["dataset"]["type"] == "my digits"


def test_own_data_are_called_as_their_folder_is(exported_student):
    _, body = card(exported_student)
    assert "on my digits: 94.00 % test accuracy" in body
    assert "- data set: my digits" in body
    own = {"name": "image_folder", "path": "/data/somewhere/beetles/"}
    study = {
        "study": "tiny",
        "dataset": own,
        "teachers": {"vgg16": {}},
        "students": {"cnn": {}},
        "methods": {"kd": {}},
        "seeds": [0],
    }
    export = export_job(load_study(study), "vgg16", "cnn", "kd")
    assert (export.data_name, export.hub_data) == ("beetles", None)
    export = export_job(load_study(study | {"dataset": {"name": "cifar10"}}), "vgg16", "cnn", "kd")
    assert (export.data_name, export.hub_data) == ("cifar10", "uoft-cs/cifar10")


def test_identifiers_of_the_hub_have_an_owner_and_a_name():
    identifiers = {name: entry.constants.get("HUB") for name, entry in registry.datasets().items()}
    assert identifiers["digits"] is None
    assert identifiers["image_folder"] is None
    known = [identifier for identifier in identifiers.values() if identifier]
    assert len(known) == len(set(known)) > 3
    assert all(re.fullmatch(r"[\w-]+/[\w-]+", identifier) for identifier in known)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"licence": "cc-by-4.0"}, "weights: cc-by-4.0"),
        (
            {"licence": "other", "licence_name": "mine", "licence_link": "https://example.org/mine"},
            "weights: mine, https://example.org/mine",
        ),
    ],
)
def test_a_licence_that_is_no_known_one_has_a_name_and_a_place(story, settings, says):
    head, body = parts(card_of(replace(story, job=small_export_job(**settings)), None))
    named = {name.replace("licence", "license"): value for name, value in settings.items()}
    assert {key: value for key, value in head.items() if key.startswith("license")} == named
    assert says in body


def test_the_card_tells_all_with_intervals_worked_out_by_hand(exported_student):
    _, body = card(exported_student)
    table = cells(body)
    assert table["test accuracy of this model"] == "94.00 %"
    # Of two values the deviation is |a - b|/√2, and t(0.975, 1) = 12.7062 times that over √2 is 12.7062·|a - b|/2.
    assert table["mean of the 2 seeds of its recipe"] == "92.00 % (sd 2.83)"
    assert table["baseline, mean"] == "88.50 % (sd 0.71)"
    assert table["gain over the baseline, in points"] == "+3.50 [\N{MINUS SIGN}15.56, 22.56]"  # of +2 and +5
    assert "±" not in body
    assert "milestones" not in body  # which the cosine schedule does not use
    assert table["expected calibration error (15 bins)"] == "3.21 %"
    for text in (
        "unknown: nobody knows",
        "lr: 0.05",
        "epochs: 20",
        "arXiv:1503.02531",
        "taught in between: middle",
        "Of 2 seeds this is seed 1",
        "Being the best of 2 seeds",
        "`workflow/scripts` of kd-workflow at commit 0123456789ab",
    ):
        assert text in body, text
    assert "0.1·CE + 0.9·T²·KL, T=4" in body
    assert "this project" not in body
    assert "<b>" not in body.replace("\\<", "")
    assert "$$" not in body  # the formulas of methods are for their pages


def test_the_card_of_one_run_speaks_of_no_mean_and_no_interval(story):
    one = replace(story, runs=story.runs[1:], best=0, baselines=story.baselines[1:])
    _, body = parts(card_of(one, None))
    table = cells(body)
    assert table["baseline"] == "89.00 %"
    assert table["gain over the baseline, in points"] == "+5.00"
    assert "There is one run, with seed 1" in body
    for text in ("1 seeds", "(sd", "mean of", ", mean", "best of", "intervals over seeds"):
        assert text not in body, text


def with_int8(story, **scores):
    formats = story.verification["formats"]
    formats = formats | {"int8": formats["int8"] | scores}
    return card_of(replace(story, verification=story.verification | {"formats": formats}), None)


def test_an_int8_file_of_no_use_is_called_so(story):
    assert "Do not use" not in with_int8(story, same_predictions=90.0)
    text = with_int8(story, same_predictions=89.0, accuracy=13.0)
    assert "**Do not use `model_int8.onnx`**: only 89.00 % of its predictions are the network's." in text
    assert "is that of this CPU" in text
    formats = {name: scores for name, scores in story.verification["formats"].items() if name != "int8"}
    assert "VNNI" not in card_of(replace(story, verification=story.verification | {"formats": formats}), None)


@pytest.mark.full
def test_the_lines_of_the_card_load_the_model(exported_student, tmp_path):
    """In a process of its own, in a folder that was copied elsewhere, on a picture whose class is known."""
    folder = tmp_path / "downloaded"
    shutil.copytree(exported_student.folder, folder)
    _, body = card(exported_student)
    snippets = re.findall(r"(?s)```python\n(.*?)\n```", body)
    assert len(snippets) == 3
    assert len(snippets[0].splitlines()) == 7
    place = int(np.flatnonzero(logits_of(exported_student).argmax(1) == exported_student.labels)[0])
    Image.fromarray(exported_student.images[place]).save(folder / "image.png")
    done = subprocess.run([sys.executable, "-c", snippets[0]], cwd=folder, capture_output=True, text=True)
    assert done.stdout == f"{exported_student.labels[place]}\n", done.stderr
    scripts = str(export_student.__file__).rpartition("/")[0]
    code = f"import sys; sys.path.insert(0, {scripts!r})\n{snippets[1]}\nprint(tuple(logits.shape))\n{snippets[2]}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.stdout == "(1, 10)\n", done.stderr


def logits_of(exported_student):
    with torch.no_grad():
        return exported_student.network(normalised(exported_student.images)).numpy()


TURNED = 6  # EXIF's orientation of a camera held upright: the rows that are stored are columns


@pytest.mark.parametrize("odd", [(), ODD.values()], ids=["plain", "odd"])
def test_lines_and_predict_see_the_same_in_a_turned_photograph(exported_student, tmp_path, monkeypatch, odd):
    """It is larger than the network's images, and no square; its class would be another one if it lay."""
    place = next(
        number
        for number, digit in enumerate(exported_student.images)
        if seen(exported_student, digit) != seen(exported_student, np.rot90(digit).copy())
    )
    upright = np.pad(np.kron(exported_student.images[place], np.ones((4, 4), np.uint8)), ((0, 0), (10, 10)))
    Image.fromarray(np.rot90(upright)).save(tmp_path / "image.png", exif=exif(TURNED, *odd))
    path = exported_student.folder
    code = re.search(r"(?s)```python\n(.*?)\n```", card(exported_student)[1])[1]
    code = code.replace('"model.onnx"', repr(str(path / "model.onnx")))
    code = code.replace('"config.json"', repr(str(path / "config.json")))
    monkeypatch.chdir(tmp_path)
    namespace = {}
    exec(code, namespace)
    logits = namespace["logits"][0].astype(float)
    assert predict.main([str(path), "image.png", "--top", "10", "--json", "seen.json"]) == 0
    (row,) = json.loads((tmp_path / "seen.json").read_text())
    names = list(json.loads((path / "config.json").read_text())["id2label"].values())
    powers = np.exp(logits - logits.max())
    for prediction in row["predictions"]:
        expected = powers[names.index(prediction["class"])] / powers.sum()
        assert prediction["probability"] == pytest.approx(expected, abs=1e-3)
    assert logits.argmax() == seen(exported_student, exported_student.images[place])


def seen(exported_student, digit):
    with torch.no_grad():
        return int(exported_student.network(normalised(digit[None])).argmax())


def test_the_preprocessor_is_one_that_transformers_has(exported_student):
    """Tried with transformers 5.23: of these keys AutoImageProcessor makes the pixels that the network knows."""
    preprocessor = json.loads((exported_student.folder / "preprocessor_config.json").read_text())
    assert preprocessor == {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": False,  # it would give a network of one channel three
        "do_resize": True,
        "size": {"shortest_edge": 8},  # before the crop, there
        "resample": 2,
        "do_center_crop": True,
        "crop_size": {"height": 8, "width": 8},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.25],
        "image_std": [0.5],
    }


@pytest.mark.parametrize(
    ("commit", "named"),
    [
        ("0123456789ab", "kd-workflow at commit 0123456789ab"),
        ("0123456789ab+", "kd-workflow at commit 0123456789ab (changed since)"),
        ("unknown", "kd-workflow"),
    ],
)
def test_whose_code_it_was_is_named(story, commit, named):
    _, body = parts(card_of(replace(story, runs=[run | {"commit": commit} for run in story.runs]), None))
    assert f"- code that made them, {named}: MIT" in body
    assert f"- made on NVIDIA H100 by {named}, seed 1" in body


def run(accuracy, loss=1.0):
    return {"validation_accuracy": accuracy, "validation_loss": loss}


def test_the_best_seed_is_chosen_on_validation():
    assert choose([run(90), run(92), run(91)]) == 1
    assert choose([run(90, 0.3), run(90, 0.2), run(90, 0.2)]) == 1


def test_papers_are_those_that_the_methods_files_name():
    assert paper_of("crd").endswith("Tian, Krishnan & Isola 2020 (arXiv:1910.10699).")
    assert paper_of("kd").endswith('"Distilling the Knowledge in a Neural Network". arXiv:1503.02531')


def test_without_a_validation_split_the_first_seed_is_exported_and_the_card_says_so(story):
    runs = [run | {"validation_accuracy": None, "validation_loss": None} for run in story.runs]
    assert choose(runs) == 0
    body = card_of(replace(story, runs=runs, best=0), None)
    assert "this is seed 0, the first, because there is no validation split to select by" in body
    assert "Being the best of" not in body
    assert "Being the best of" in card_of(story, None)
