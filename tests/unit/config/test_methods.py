"""The section `methods:` of a config: names, options, sums, and what is refused there."""

import pytest
from small_config import complaints, config

from kd.config.load import load_study
from kd.registry import methods


def test_names_may_differ_from_architectures_and_methods():
    study = load_study(
        config(
            students={"wide": {"architecture": "cnn", "width": 2}, "cnn": None},
            methods={"hot": {"method": "kd", "temperature": 20}, "kd": {}},
        )
    )
    assert study.students["wide"].architecture == study.students["cnn"].architecture == "cnn"
    assert study.students["cnn"].options["width"] == 1
    ((method, options),) = study.methods["hot"].parts
    assert (method, options["temperature"]) == ("kd", 20)
    assert study.methods["kd"].parts[0][1]["temperature"] == 4


@pytest.mark.parametrize("weights", [{"ce_weight": 0}, {"kd_weight": 0}])
def test_one_weight_may_be_zero(weights):
    assert load_study(config(methods={"kd": weights})).methods["kd"].parts[0][1].items() >= weights.items()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"methods": {"kb": {}}},
            f"methods.kb: there is no method 'kb'; allowed: {', '.join(sorted(methods()))}",
        ),
        (
            {"methods": {"kd": {"temperature": 1e300}}},
            "methods.kd.temperature: should be less than or equal to 1000000",
        ),
        (
            {"methods": {"kd": {"ce_weight": 0, "kd_weight": 0}}},
            "methods.kd: ce_weight and kd_weight are both 0, so nothing would be learnt; one of them must be above 0",
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(changes, line):
    lines = complaints(**changes)
    assert [text for text in lines if text.startswith(line)], lines
    assert len(lines) == 1, lines


def test_methods_add_up_under_one_name():
    study = load_study(config(methods={"both": {"cross_entropy": None, "kd": {"temperature": 2}}}))
    (plain, none), (kd, options) = study.methods["both"].parts
    assert (kd, options["temperature"], plain, none) == ("kd", 2, "cross_entropy", {})
    assert study.methods["both"].of_teacher == {"logits"}
    assert study.uses_targets("both", "vgg16")


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        ({"both": {"kd": {}, "kdd": {}}}, "methods.both.kdd: there is no method 'kdd'; did you mean 'kd'?"),
        (
            {"both": {"kd": {"temperatur": 1}}},
            "methods.both.kd.temperatur: unknown key; did you mean 'temper",
        ),
        (
            {"both": {"cross_entropy": {}, "kd": {"ce_weight": 0, "kd_weight": 0}}},
            "methods.both.kd: ce_weight and kd_weight are both 0",
        ),
        ({"two": {"kd": {}, "hot": {"method": "kd"}}}, "methods.two: kd is there more than once"),
        (
            {"two": {"kd": {}, "label_smoothing": {}}},
            "methods.two.label_smoothing: is a cross-entropy and noth",
        ),
        (
            {"two": {"cs_kd": {}, "dlb": {}}},
            "methods.two: cs_kd and dlb show a second image beside each, of different kinds; not in one sum",
        ),
        (
            {"two": {"fitnet": {"init_epochs": 3}, "ab": {"init_epochs": 2}}},
            "methods.two: init_epochs differ (fitnet 3, ab 2); in a sum they must be equal, or 0",
        ),
        (
            {"two": {"fitnet": {"init_lr": 0.02}, "ab": {}}},
            "methods.two: init_lr differ (fitnet 0.02, ab none); in a sum they must be equal",
        ),
        (
            {"fitnet": {"init_epochs": 0, "init_lr": 0.02}},
            "methods.fitnet.init_lr: is the learning rate of first epochs, and init_epochs is 0",
        ),
        (
            {"multi_head": {}},
            "methods.multi_head: needs an ensemble among the teachers, and no pair has that",
        ),
        (
            {"q": {"multi_head": {}, "at": {}}},
            "methods.q: needs stages and an ensemble, which has none, at once",
        ),
        (
            {"dkd": {"ce_weight": 0, "tckd_weight": 0, "nckd_weight": 0}},
            "methods.dkd: ce_weight and tckd_weight",
        ),
        (
            {"q": {"norm": {}, "kd": {}, "simkd": {}}},
            "methods.q: norm and simkd give the student other layers; a sum may have one of them",
        ),
        ({"simkd": {"weight": 0}}, "methods.simkd: weight is 0, so nothing would be learnt"),
    ],
)
def test_a_mistake_in_one_of_several_methods_is_reported(methods, line):
    (text,) = complaints(methods=methods)
    assert text.startswith(line)


def test_what_needs_no_teacher_is_trained_once_for_each_student():
    students = {"cnn": {"width": 0.125}, "thin": {"architecture": "cnn", "channels": [4]}}
    study = load_study(config(students=students, methods={"kd": {}, "cross_entropy": {}}))
    assert len(study.pairs_of("kd")) == 4
    assert study.pairs_of("cross_entropy") == (("_none", "cnn"), ("_none", "thin"))
    assert not study.uses_targets("cross_entropy", "vgg16")
    from kd.plan.training import distill_job

    job = distill_job(study, "_none", "thin", "cross_entropy", 1)
    assert (job.teacher, job.role, job.methods) == ("(none)", "distilled", [("cross_entropy", {})])


def test_keys_of_chains_are_among_those_allowed():
    """They stand beside the options of one method, and beside the methods of a sum."""
    (line,) = complaints(methods={"kd": {"generation": 2}})
    assert line.startswith("methods.kd.generation: unknown key; did you mean 'generations'?; allowed: by_p")
    assert line.endswith(", generations, kd_weight, method, pairs, preset, standardize, temperature, via")
    (line,) = complaints(methods={"both": {"kd": {"via": ["cnn"]}, "at": {}}})
    assert line.startswith(
        "methods.both.kd.via: unknown key; allowed: by_pair, ce_weight, kd_weight, method, "
    )
