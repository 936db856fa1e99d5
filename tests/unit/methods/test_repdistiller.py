"""What RepDistiller computes by another formula than the paper or the authors: `cc` and `ft`, by options.

Their whole steps are in test_parity.py.
"""

import numpy as np
import pytest
import torch
from batches import batch_of
from layers_by_hand import affine, array, batch_norm, convolve, pool
from parts import LABELS, prepared, random_outputs

from kd.methods.cc import consecutive_loss
from kd.registry import find_method

CC = {"formula": "consecutive", "weight": 0.02, "dimensions": 6}
FT = {"factor": "mean_squares", "translator_norm": True, "weight": 200.0, "init_epochs": 2}


def test_products_of_consecutive_samples_of_two_numbers():
    """The differences are (1, 2), (3, 0) and (1, 1): 1·3 + 2·0 and 3·1 + 0·1, whose mean is 3."""
    student, teacher = torch.tensor([[1.0, 0], [0, 5], [2, 2]]), torch.tensor([[0.0, 2], [3, 5], [1, 3]])
    assert consecutive_loss(student, teacher).item() == 3


def cc_by_hand(method, outputs):
    own, theirs = (
        affine(array(output.features), embed) for output, embed in zip(outputs, method.embed, strict=True)
    )
    total = 0.0
    for first in range(len(own) - 1):
        for place in range(own.shape[1]):
            total += abs(own[first, place] - theirs[first, place]) * abs(
                own[first + 1, place] - theirs[first + 1, place]
            )
    return total / (len(own) - 1)


def test_correlation_is_that_of_embeddings_of_consecutive_samples():
    method, outputs = prepared("cc", CC), random_outputs()
    loss = method.losses(batch_of(*outputs, LABELS))["cc"]
    assert loss.item() == pytest.approx(0.02 * cc_by_hand(method, outputs), rel=1e-12)
    loss.backward()
    assert all(parameter.grad.count_nonzero() for parameter in method.parameters())
    assert outputs[0].stages[-1].grad.count_nonzero()
    assert outputs[0].stages[0].grad is None


def test_it_depends_on_the_order_of_the_batch_and_the_papers_formula_does_not():
    order = [2, 0, 3, 1]
    for options, same in ((CC, False), ({}, True)):
        method, (student, teacher) = prepared("cc", options), random_outputs()
        shuffled = [
            type(output)(output.logits[order], tuple(stage[order] for stage in output.stages))
            for output in (student, teacher)
        ]
        first, second = (
            method.losses(batch_of(*outputs, LABELS))["cc"].item()
            for outputs in ((student, teacher), shuffled)
        )
        assert (first == pytest.approx(second, rel=1e-9)) == same


def chain(x, layers):
    for layer in layers:
        if isinstance(layer, torch.nn.LeakyReLU):
            x = np.where(x > 0, x, 0.1 * x)
        else:
            x = (batch_norm if isinstance(layer, torch.nn.BatchNorm2d) else convolve)(x, layer)
    return x


@pytest.mark.parametrize(
    ("shapes", "side"), [(([(5, 2, 2)], [(8, 2, 2)]), 2), (([(5, 2, 2)], [(8, 4, 4)]), 2)]
)
def test_factors_are_mean_squares_over_the_channels(shapes, side):
    method, outputs = prepared("ft", FT, shapes), random_outputs(shapes)
    maps = [array(output.stages[-1]) for output in outputs]
    both = [
        pool(chain(x, layers), side)
        for x, layers in zip(maps, (method.translator, method.encoder), strict=True)
    ]
    units = []
    for factor in both:
        squares = (factor**2).mean(axis=1).reshape(len(factor), -1)
        units.append(squares / np.sqrt((squares**2).sum(axis=1, keepdims=True)))
    loss = method.losses(batch_of(*outputs, LABELS))["ft"]
    assert loss.item() == pytest.approx(200 * abs(units[0] - units[1]).mean(), rel=1e-9)
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in method.translator) == 3
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in method.encoder)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("cc", CC, "CE + 0.02·CC of consecutive samples, 6 dimensions"),
        ("ft", FT, "paraphraser (2 epochs), then CE + 200·FT of mean squares"),
    ],
)
def test_the_table_says_which_it_is(name, options, text):
    assert find_method(name).load()(**options).describe() == text
