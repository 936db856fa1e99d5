"""The latency of a study's networks: what is measured, what is left out and why, and which networks they are."""

import json
import logging
import math

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import measure_latency
from kd.config.load import load_study
from kd.errors import UserError
from kd.export import latency, onnx_file
from kd.export.fresh import fresh_network
from kd.networks.factory import build_network
from kd.networks.size import count_parameters
from kd.plan.export import measured, modules
from kd.results.latency import milliseconds

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"architecture": "cnn", "options": {"channels": [4, 4]}}
HUGE = {"architecture": "cnn", "options": {"channels": [1_000_000, 1_000_000]}}


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"image_shape": [8, 10, 1], "classes": ["ant", "bee", "cat"]}))
    return path


def test_every_network_is_timed_by_both(card, tmp_path):
    networks = {"small": SMALL, "other": SMALL | {"options": {"channels": [256, 256]}}}
    measure_latency.main(networks, card, tmp_path / "latency.json")
    latencies = json.loads((tmp_path / "latency.json").read_text())
    assert (latencies["threads"], latencies["batch"], latencies["image"]) == (1, 1, [1, 8, 10])
    assert latencies["device"]
    assert latencies["versions"]["onnxruntime"] == onnxruntime.__version__
    for name in networks:
        assert latencies["networks"][name]["architecture"] == "cnn"
        for runtime in ("pytorch_ms", "onnxruntime_ms"):
            times = latencies["networks"][name][runtime]
            assert 0 < times["low"] <= times["median"] <= times["high"] < 1000
    # 8·10 pixels · 9 · (1·4) and 20 pixels · 9 · (4·4) products: 5,760; with 256 channels 11,980,800.
    small, other = (latencies["networks"][name]["onnxruntime_ms"]["median"] for name in networks)
    assert other > 5 * small


def test_a_card_that_is_not_whole_is_named(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(UserError, match=r"summary\.json: not whole"):
        measure_latency.main({}, tmp_path / "summary.json", tmp_path / "latency.json")
    assert not (tmp_path / "latency.json").exists()


def test_a_network_that_does_not_fit_the_memory_is_left_to_its_training(caplog):
    latencies = latency.measure({"huge": HUGE, "small": SMALL}, (1, 8, 8), 3)
    assert latencies["huge"] == {"architecture": "cnn", "pytorch_ms": None, "onnxruntime_ms": None}
    assert latencies["small"]["pytorch_ms"]
    assert "huge: not measured: it has" in caplog.text


def fail(network, images):
    raise RuntimeError("no such operator\nand a page of advice")


@pytest.mark.full
def test_the_other_exporter_helps_out(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "kd")
    fail.__name__ = "traced"
    monkeypatch.setattr(latency, "traced", fail)
    latencies = latency.measure({"small": SMALL}, (1, 8, 8), 3)
    assert latencies["small"]["onnxruntime_ms"]
    assert "small: no ONNX file by the exporter traced (no such operator)" in caplog.text


def test_what_no_exporter_can_write_is_timed_by_pytorch_alone(monkeypatch, caplog):
    for name in ("traced", "translated"):
        monkeypatch.setattr(latency, name, fail)
    latencies = latency.measure({"small": SMALL}, (1, 8, 8), 3)
    assert latencies["small"]["pytorch_ms"]
    assert latencies["small"]["onnxruntime_ms"] is None
    assert "small: onnxruntime is left out" in caplog.text


def test_networks_that_memory_might_not_hold_together_are_timed_one_after_the_other(monkeypatch):
    groups = []

    def timed(calls):
        groups.append(list(calls))
        return {call: {} for call in calls}

    monkeypatch.setattr(latency, "milliseconds", timed)
    monkeypatch.setattr(latency, "_calls", lambda name, network, image: [("pytorch_ms", None)])
    # 4 channels of 9 weights, 4·4 of 9, twice 8 of batch norm, and 4·3 + 3 of the classifier.
    monkeypatch.setattr(latency, "TOGETHER", 2 * (36 + 144 + 16 + 15))
    latency.measure({"a": SMALL, "b": SMALL, "c": SMALL}, (1, 8, 8), 3)
    assert groups == [[("a", "pytorch_ms"), ("b", "pytorch_ms")], [("c", "pytorch_ms")]]


@pytest.mark.full
def test_both_exporters_write_the_network_and_onnxruntime_makes_the_same_of_them(tmp_path):
    torch.manual_seed(0)
    network = build_network("resnet8x4", {"width": 0.125}, 3, 5).eval()
    images = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        expected = network(images).numpy()
    operators = []
    for number, export in enumerate((onnx_file.traced, onnx_file.translated)):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = str(tmp_path / f"{number}.onnx")
        session = onnxruntime.InferenceSession(export(network, images), options)
        (logits,) = session.run(None, {"images": images.numpy()})
        np.testing.assert_allclose(logits, expected, atol=1e-5)
        nodes = onnx.load(options.optimized_model_filepath).graph.node
        operators.append(sorted(node.op_type for node in nodes))
    assert operators[0] == operators[1]


STUDY = {
    "study": "tiny",
    "dataset": {"name": "digits"},
    "teachers": {"cnn": {"width": 2.0}, "vgg16": {"lr": 0.05}, "both": {"ensemble": ["cnn", "vgg16"]}},
    "students": {"cnn": {"width": 0.5}, "thin": {"architecture": "cnn", "width": 0.25}},
    "methods": {"kd": {}},
    "seeds": [0],
}


def test_measured_are_teachers_and_students_that_are_networks():
    external = {"architecture": "vgg16", "external": "mine.safetensors"}
    stored = {"logits": "mine.npz"}
    teachers = STUDY["teachers"] | {"external": external, "stored": stored}
    networks = measured(load_study(STUDY | {"teachers": teachers}))
    assert list(networks) == ["cnn", "thin", "teachers/cnn", "vgg16", "external"]
    widths = {name: about["options"]["width"] for name, about in networks.items()}
    assert widths == {"cnn": 0.5, "thin": 0.25, "teachers/cnn": 2.0, "vgg16": 1.0, "external": 1.0}
    assert modules(networks) == ("kd.models.cnn", "kd.models.vgg")


def test_a_teacher_that_is_the_same_network_as_a_student_of_its_name_is_measured_once():
    networks = measured(load_study(STUDY | {"students": {"cnn": {"width": 2.0}}}))
    assert list(networks) == ["cnn", "vgg16"]


SIMKD = {"simkd": {"factor": 4}}


def networks_of(**changes):
    return measured(load_study(STUDY | changes))


def test_students_that_their_method_changes_are_measured_as_it_makes_them():
    networks = networks_of(methods={"kd": {}, **SIMKD}, pairs=[["vgg16", "thin"], ["both", "thin"]])
    about = {key: networks["thin"][key] for key in ("architecture", "options")}
    teacher = {key: networks["vgg16"][key] for key in ("architecture", "options")}
    assert set(networks) == {"cnn", "thin", "teachers/cnn", "vgg16", "distilled/vgg16/thin/simkd"}
    methods = [["simkd", {"weight": 1.0, "factor": 4}]]
    assert networks["distilled/vgg16/thin/simkd"] == about | {"methods": methods, "by": [teacher]}
    assert "kd.methods.simkd" in modules(networks)
    assert "kd.methods.kd" not in modules(networks)


def test_of_several_methods_those_count_that_change_the_student_and_chains_are_gone_through():
    networks = networks_of(
        methods={"born": {"kd": {}, "simkd": {}, "generations": 2}}, pairs=[["vgg16", "thin"]]
    )
    about = {key: networks["thin"][key] for key in ("architecture", "options")}
    changed = networks["distilled/vgg16/thin/born"]
    assert [name for name, _ in changed["methods"]] == ["simkd"]
    assert changed["by"][1:] == [about]


def test_a_student_that_ends_as_its_architecture_has_it_is_measured_as_such():
    assert networks_of(methods={"norm": {}}, pairs=[["vgg16", "thin"]]).keys() == networks_of().keys()


def test_a_changed_student_has_the_projector_and_the_teachers_classifier():
    """cnn of 4 and 4 channels: 36 + 8 and 144 + 8 in its convolutions and norms, for grey images of 3 classes.

    The projector of factor 2 from 4 to the teacher's 8 maps: 4·4 + 8, 4·4·9 + 8 and 4·8 + 16; then 8·3 + 3.
    """
    wide = {"architecture": "cnn", "options": {"channels": [8, 8]}}
    changed = SMALL | {"methods": [("simkd", {})], "by": [wide]}
    plain = fresh_network(SMALL, (1, 8, 8), 3)
    network = fresh_network(changed, (1, 8, 8), 3)
    assert count_parameters(plain) == 36 + 8 + 144 + 8 + 4 * 3 + 3
    assert count_parameters(network) == 36 + 8 + 144 + 8 + 24 + 152 + 48 + 27
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    # Its pupil of the second generation: from 4 to the same 8 maps.
    again = fresh_network(changed | {"by": [wide, SMALL]}, (1, 8, 8), 3)
    assert count_parameters(again) == count_parameters(network)


def test_a_changed_student_is_timed_and_one_that_is_not_known_before_is_not(caplog):
    wide = {"architecture": "cnn", "options": {"channels": [256, 256]}}
    changed = {"methods": [("simkd", {})], "by": [wide]}
    networks = {"small": SMALL, "changed": SMALL | changed, "swept": SMALL | changed | {"methods": None}}
    latencies = latency.measure(networks, (1, 16, 16), 3)
    # 128·128·9 products and more at each of 8·8 places, where the student itself has at most 4·4·9.
    assert latencies["changed"]["pytorch_ms"]["median"] > 2 * latencies["small"]["pytorch_ms"]["median"]
    assert (
        latencies["changed"]["onnxruntime_ms"]["median"] > 5 * latencies["small"]["onnxruntime_ms"]["median"]
    )
    assert latencies["swept"]["pytorch_ms"] is None
    assert "swept: not measured: its layers depend on what a sweep chooses" in caplog.text


def test_a_swept_option_of_such_a_method_leaves_its_student_out():
    sweep = {"tuned": {"method": "simkd", "over": {"factor": [1, 2]}}}
    assert (
        networks_of(sweep=sweep, pairs=[["vgg16", "thin"]])["distilled/vgg16/thin/tuned"]["methods"] is None
    )
    sweep = {"tuned": {"method": "simkd", "over": {"recipe.lr": [0.1, 0.2]}}}
    assert networks_of(sweep=sweep, pairs=[["vgg16", "thin"]])["distilled/vgg16/thin/tuned"]["methods"]


def test_no_row_has_the_time_of_another_network():
    names = ("cnn", "teachers/cnn", "distilled/vgg16/cnn/simkd", "distilled/mobilenet/cnn/simkd")
    times = [{"median": 1.0}, {"median": 2.0}, {"median": 3.0}, None]
    known = {"networks": {name: {"pytorch_ms": time} for name, time in zip(names, times, strict=True)}}
    assert milliseconds(known, "student alone", "cnn", "", "") == 1
    assert milliseconds(known, "teacher", "cnn") == 2
    assert milliseconds(known, "distilled student", "cnn", "vgg16", "kd") == 1
    assert milliseconds(known, "distilled student", "cnn", "vgg16", "simkd") == 3
    assert math.isnan(milliseconds(known, "distilled student", "cnn", "mobilenet", "simkd"))


def test_as_many_threads_as_before_are_used_after_a_measurement():
    torch.set_num_threads(2)
    latency.measure({}, (1, 8, 8), 3)
    assert torch.get_num_threads() == 2


def test_a_recipe_changes_nothing_of_what_is_measured():
    networks = [measured(load_study(STUDY | {"recipe": {"lr": lr}})) for lr in (0.1, 0.2)]
    assert networks[0] == networks[1]
