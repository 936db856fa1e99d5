"""A head for each teacher, against numbers worked out one by one."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, cross, kl, softened

from kd.distillation.batch import Output
from kd.methods.multi_head import Method

MEMBERS = np.random.default_rng(3).normal(size=(2, 5, 7))


def prepared(**options):
    torch.manual_seed(0)
    method = Method(**options)
    method.prepare(SimpleNamespace(student_stages=[(2, 4, 4), (3, 2, 2)], classes=7, members=2))
    return method.double()


def batch(stage):
    members = tuple(torch.tensor(logits) for logits in MEMBERS)
    student = torch.tensor(STUDENT, requires_grad=True)
    teacher = Output((members[0] + members[1]) / 2, members=members)
    return batch_of(Output(student, (torch.zeros(5, 2, 4, 4), stage)), teacher, LABELS)


def test_each_head_is_compared_with_its_own_teacher():
    method = prepared(temperature=2, ce_weight=0.5, kd_weight=3, head_weight=4)
    stage = torch.randn(5, 3, 2, 2, dtype=torch.float64)
    terms = method.losses(batch(stage))
    features = stage.numpy().mean((2, 3))
    divergences = []
    for head, member in zip(method.heads, MEMBERS, strict=True):
        logits = features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
        divergences += [kl(softened(member[i], 2), softened(logits[i], 2)) for i in range(5)]
    assert terms["heads"].item() == pytest.approx(4 * 4 * np.mean(divergences), rel=1e-9)
    mean = MEMBERS.mean(0)
    together = [kl(softened(mean[i], 2), softened(STUDENT[i], 2)) for i in range(5)]
    assert terms["kd"].item() == pytest.approx(3 * 4 * np.mean(together), rel=1e-9)
    labels = [cross(np.eye(7)[LABELS[i]], softened(STUDENT[i])) for i in range(5)]
    assert terms["ce"].item() == pytest.approx(0.5 * np.mean(labels), rel=1e-9)


def test_the_heads_learn_and_teach_the_features():
    method = prepared()
    stage = torch.randn(5, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    sum(method.losses(batch(stage)).values()).backward()
    assert stage.grad.abs().sum() > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.parameters())


def test_defaults_and_description():
    assert Method().describe() == "0.1·CE + 0.9·T²·KL + 0.9·T²·KL of heads, T=4"
    assert Method.NEEDS == ("members", "own_stages")
