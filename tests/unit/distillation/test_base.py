"""A batch runs each network once, also where a method shows more views than the batch has."""

import pytest
import torch

from kd.distillation.batch import Batch, Output
from kd.distillation.combined import build_methods

IMAGES = torch.arange(6.0).view(3, 1, 1, 2)


def output_of(images):
    flat = images.flatten(1)
    return Output(flat, (images, images * 2))


def batch_that_notes(runs, teacher=True):
    def student(images):
        runs.append(("student", len(images)))
        return output_of(images)

    def teach(images, indices):
        runs.append(("teacher", indices.tolist()))
        return output_of(images)

    known = IMAGES, torch.tensor([0, 1, 0]), torch.tensor([7, 8, 9]), torch.tensor(0.0), False
    return Batch(*known, student, teach if teacher else None)


def test_the_first_images_of_a_run_on_more_views_are_the_batchs():
    runs, views = [], torch.cat([IMAGES, IMAGES.flip(3)])
    batch = batch_that_notes(runs)
    student, teacher = batch.student_on(views), batch.teacher_on(views)
    assert len(student.logits) == len(teacher.logits) == 6
    for whole, first in ((student, batch.student), (teacher, batch.teacher)):
        assert torch.equal(first.logits, whole.logits[:3])
        assert [len(stage) for stage in first.stages] == [3, 3]
        assert torch.equal(first.stages[1], IMAGES * 2)
    assert runs == [("student", 6), ("teacher", [7, 8, 9, 7, 8, 9])]


def test_a_method_of_a_sum_that_follows_runs_nothing_again():
    runs = []
    batch = batch_that_notes(runs)
    batch.student_on(torch.cat([IMAGES] * 2)), batch.teacher_on(torch.cat([IMAGES] * 2))
    build_methods([("kd", {}), ("dist", {})]).losses(batch)
    assert len(runs) == 2


def test_without_a_teacher_there_is_none_to_run():
    with pytest.raises(TypeError, match="a teacher that its NEEDS do not name"):
        batch_that_notes([], teacher=False).teacher_on(IMAGES)


def test_the_first_outputs_of_an_ensemble_keep_their_members():
    output = Output(torch.zeros(4, 2), (), (torch.zeros(4, 2), torch.ones(4, 2)))
    assert [len(member) for member in output.first(2).members] == [2, 2]


def test_the_first_outputs_of_a_network_of_tokens_keep_their_tokens():
    token = torch.arange(4.0)[:, None]
    output = Output(token, (), (), ({}, {"class": token}), token + 1, {"class": token + 2})
    first = output.first(2)
    assert first.tokens[0] == {}
    assert first.tokens[1]["class"].tolist() == [[0], [1]]
    assert first.read.tolist() == [[1], [2]]
    assert first.heads["class"].tolist() == [[2], [3]]
