"""Whole training steps, by plain tensor code and by kd; `python tests/support/parity.py` keeps the former.

It writes parity.json: of each pair of networks and each method the loss, and the Euclidean norm of the
gradient of all of the student's parameters, in float64. Networks, weights and images are those of
parity_networks.py, the losses those of the other files beside it. Of kd the names and shapes of weights are used, no
number. `python tests/support/parity.py --table` prints how far kd is from them, as docs/parity.md has it.
"""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch
from parity_features import OF_FEATURES
from parity_heavier import HEAVIER
from parity_logits import BEFORE, OF_LOGITS, training_logits
from parity_networks import CLASSES, LABELS, images, resnet, weights_for, wrn
from parity_steps import STEPS
from parity_variants import VARIANTS, Variant, last_sum

KEPT = Path(__file__).with_suffix(".json")
PAIRS = {
    "resnet8 from resnet14": (("resnet8", resnet), ("resnet14", resnet)),
    "wrn_16_1 from wrn_16_2": (("wrn_16_1", wrn), ("wrn_16_2", wrn)),
}
OPTIONS = {
    "fitnet": {"init_epochs": 0, "ce_weight": 1.0, "kd_weight": 0.0},
    "pad": {"plain_share": 0.0},
    "ofa": {"gamma": 1.5},
}
FIRST_EPOCHS = {"ab", "fsp"}  # of these the step is one of the epochs before the recipe's
UNSEEN = {"ofd": "margins", "nd": "class_means", "crd": "log_z"}  # buffers that begin with nothing
METHODS = {
    step.__name__: Variant(
        step.__name__, step, OPTIONS.get(step.__name__, {}), preliminary=step.__name__ in FIRST_EPOCHS
    )
    for step in (*STEPS, *OF_LOGITS, *OF_FEATURES, *HEAVIER)
}
SUMS = ("at", "fsp", "kdsvd", "nst", "sp", "vid")
METHODS |= {
    f"{name}, last_sum": replace(METHODS[name], step=last_sum(METHODS[name].step), options={"last_sum": True})
    for name in SUMS
}
METHODS |= VARIANTS


def set_up(pair, name):
    """Networks and method of kd in float64, with the fixed weights."""
    from kd.distillation.base import Context
    from kd.distillation.combined import build_method
    from kd.networks.factory import build_network

    def build(architecture):
        return build_network(architecture, {"width": 0.5}, 3, CLASSES).double()

    student, teacher = (build(architecture) for architecture, _ in PAIRS[pair])
    for network, role in ((student, "student"), (teacher, "teacher")):
        network.load_state_dict(weights_for(shapes(network), role))
    variant = METHODS[name]
    name, method = variant.method, build_method(variant.method, variant.options)
    labels = torch.arange(30) % CLASSES if name == "wkd_l" else LABELS
    known = tuple(images().shape[1:]), CLASSES, labels, 10
    torch.set_default_dtype(torch.float64)
    try:
        more = {"members": 2, "batch_size": len(LABELS), "new_teacher": lambda: build("resnet14")}
        more |= {"teacher_logits": training_logits}
        method.prepare(Context(student, teacher, *known, **more))
    finally:
        torch.set_default_dtype(torch.float32)
    method.double().train()
    weights = weights_for(shapes(student), "student")  # also those of layers that it was given
    if name == "simkd":
        weights |= {f"classifier.{key}": value for key, value in teacher.classifier.state_dict().items()}
    student.load_state_dict(weights)
    values = weights_for(shapes(method), name)
    if name == "srrl":  # its classifier is the teacher's
        values |= {f"classifier.{key}": value for key, value in teacher.classifier.state_dict().items()}
    if unseen := UNSEEN.get(name):
        values |= {key: torch.zeros_like(value) for key, value in values.items() if unseen in key}
    values |= {key: torch.tensor(False) for key in values if key == "begun"}
    values |= {key: torch.tensor(BEFORE) for key in values if key == "samples"}
    values |= {key: value for key, value in method.state_dict().items() if key == "cost"}
    method.load_state_dict(values)
    torch.manual_seed(0)  # for what it draws in the step
    return student, teacher, method


def shapes(module):
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def expected(pair, name):
    """The loss, and the gradient of each of the student's parameters (or the method's), by plain tensor code."""
    (_, of_student), (_, of_teacher) = PAIRS[pair]
    student, teacher, method = set_up(pair, name)
    own = {key: value.clone() for key, value in student.state_dict().items()}
    values = {key: value.clone() for key, value in method.state_dict().items()}
    of_method = METHODS[name].own
    learns = [key for key, _ in (method if of_method else student).named_parameters()]
    learnt = [(values if of_method else own)[key].requires_grad_() for key in learns]
    values |= {f"student.{key}": value for key, value in own.items()}
    values |= {f"teacher.{key}": value for key, value in teacher.state_dict().items()}
    with torch.no_grad():
        theirs = of_teacher(weights_for(shapes(teacher), "teacher"), images(), name == "ofd")
    torch.set_default_dtype(torch.float64)
    try:
        loss = METHODS[name].step(of_student(own, images(), True), theirs, values)
    finally:
        torch.set_default_dtype(torch.float32)
    gradients = torch.autograd.grad(loss, learnt, allow_unused=True)
    return loss.item(), dict(zip(learns, gradients, strict=True))


def ours(pair, name, *, converged=True):
    """The same by kd; the iteration of kdsvd is that of its code, or with `converged` a longer one."""
    from kd.methods import kdsvd

    student, teacher, method = set_up(pair, name)
    variant = METHODS[name]
    batch = batch_for(student, teacher, method, preliminary=variant.preliminary)
    # The iteration of kdsvd is run until nothing changes: it is to be the decomposition's vector.
    more = {"ROUNDS": 400, "LAST_ROUNDS": 300} if variant.method == "kdsvd" and converged else {}
    with patch.multiple(kdsvd, **more) if more else nullcontext():
        loss = torch.stack(list(method.effective_losses(batch).values())).sum()
    loss.backward()
    learner = method if variant.own else student
    return loss.item(), {key: parameter.grad for key, parameter in learner.named_parameters()}


def batch_for(student, teacher, method, *, preliminary=False):
    """The batch of a step, on which these networks of kd run."""
    from kd.distillation.batch import Batch, Companions, Output
    from kd.teachers.teacher import LiveTeacher

    LiveTeacher(teacher, stages=True, batch_statistics=method.batch_statistics)  # puts it in its mode

    def output(network, shown):
        stages, logits = network.forward_stages(shown)
        return Output(logits, tuple(stages))

    def run_teacher(shown, indices):
        with torch.no_grad():  # what LiveTeacher puts out is float32
            alone = output(teacher, shown)
        if "members" not in method.NEEDS:
            return alone
        members = alone.logits, alone.logits.flip(1)
        return Output(sum(members) / 2, alone.stages, members)

    return Batch(
        images(),
        LABELS,
        torch.arange(len(LABELS)),
        torch.zeros((), dtype=torch.float64),
        preliminary,
        lambda shown: output(student.train(), shown),
        run_teacher,
        companions=Companions(*(part.flip(0) for part in (images(), LABELS, torch.arange(len(LABELS))))),
    )


def length(gradients):
    return sum((gradient**2).sum().item() for gradient in gradients.values() if gradient is not None) ** 0.5


def apart(gradients, others):
    """|g − h| / |h|; a parameter without a gradient has 0."""
    total = 0.0
    for key, other in others.items():
        pair = [0 if gradient is None else gradient for gradient in (gradients[key], other)]
        total += torch.as_tensor((pair[0] - pair[1]) ** 2).sum().item()
    return total**0.5 / length(others)


def main():
    torch.set_num_threads(1)
    kept = {}
    for pair in PAIRS:
        kept[pair] = {}
        for name in METHODS:
            loss, gradients = expected(pair, name)
            kept[pair][name] = {"loss": loss, "gradient": length(gradients)}
            if "--table" in sys.argv:
                value, own = ours(pair, name, converged=False)
                row = f"{abs(value - loss) / abs(loss):.0e} | {apart(own, gradients):.0e}"
                print(f"| {pair} | `{name}` | {loss:.6f} | {length(gradients):.6f} | {row} |")
    if "--table" not in sys.argv:
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
