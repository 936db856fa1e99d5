"""What TensorBoard reads of a run: values, scalars, pictures."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kd.data.augmentation import Augmentation
from kd.data.views import Split, ViewedImages
from kd.jobs.training import TrainJob
from kd.monitor.images import first_views, grid, hardest
from kd.monitor.tensorboard import hparams_of, opened_board
from kd.settings.recipe import Recipe

PICTURE = "validation images with the largest loss"


def job(method="kd", temperature=4.0, seed=0, **more):
    settings = {
        "role": "distilled",
        "name": "small",
        "teacher": "big",
        "method_name": method,
        "architecture": "cnn",
        "options": {"channels": [8, 16], "width": 0.5},
        "recipe": Recipe(epochs=2, batch_size=16, lr=0.05),
        "methods": [("kd", {"temperature": temperature, "kd_weight": 0.9})],
        "seed": seed,
    }
    return TrainJob(**{**settings, **more})


def flat(values, **how):
    """One image of 4×4 pixels for each value, all of which it has."""
    pixels = torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, 4, 4, 1).contiguous()
    return ViewedImages(pixels, Augmentation(**how), (0.5,), (0.25,))


def test_pixels_are_those_of_the_data_set():
    images = flat([0, 100, 255])
    assert images.pixels(torch.tensor([1, 2]), 0)[:, 0, 0, 0].tolist() == [100, 255]
    assert images.take(torch.tensor([2]), 0)[0, 0, 0, 0] == pytest.approx((1 - 0.5) / 0.25)


def test_a_grid_shows_images_from_left_to_right_enlarged_and_apart():
    """Ten images of 4×4: eight to a row, each pixel 8×8, a white line around each: 34 pixels an image."""
    picture = grid(flat(range(10, 110, 10)).pixels(torch.arange(10), 0))
    assert picture.shape == (2 * 34, 8 * 34, 1)
    assert picture.dtype == np.uint8
    assert picture[17, 17::34, 0].tolist() == [10, 20, 30, 40, 50, 60, 70, 80]
    assert picture[51, 17::34, 0].tolist() == [90, 100, 255, 255, 255, 255, 255, 255]
    assert (picture[[0, 33, 34, 67]] == 255).all()


def test_large_images_are_fewer_and_never_made_smaller():
    picture = grid(torch.zeros(9, 200, 200, 3))
    assert picture.shape == (5 * 202, 2 * 202, 3)


def test_the_first_views_are_augmented_and_the_same_each_time():
    """Of an image that is padded by 4, crops reach the black border; 64 of 100 images are shown."""
    images = flat([200] * 100, pad=4)
    picture = first_views(images, 3, 0)
    assert picture.shape == (8 * 34, 8 * 34, 1)
    assert set(np.unique(picture)) == {0, 200, 255}
    assert np.array_equal(picture, first_views(images, 3, 0))
    assert not np.array_equal(picture, first_views(images, 4, 0))


def test_the_images_with_the_largest_losses_come_first():
    picture, worst = hardest(flat([10, 20, 30]), torch.tensor([0.1, 3.0, 2.0]))
    assert worst.tolist() == [1, 2, 0]
    assert picture[17, 17::34, 0].tolist() == [20, 30, 10]


def test_values_have_the_names_of_the_config():
    assert hparams_of(job()) == {
        "role": "distilled",
        "network": "small",
        "architecture": "cnn",
        "teacher": "big",
        "method": "kd",
        "base method": "kd",
        "seed": 0,
        "network.channels": "8, 16",
        "network.width": 0.5,
        "method.temperature": 4.0,
        "method.kd_weight": 0.9,
        "recipe.epochs": 2,
        "recipe.batch_size": 16,
        "recipe.lr": 0.05,
        "recipe.momentum": 0.9,
        "recipe.weight_decay": 5e-4,
        "recipe.nesterov": False,
        "recipe.schedule": "cosine",
        "recipe.milestones": "none",
        "recipe.gamma": 0.1,
    }


def test_newer_keys_of_the_recipe_and_the_augmentation_are_there_where_they_are_set():
    changed = job(recipe=Recipe(epochs=2, ema=0.9), augmentation={"randaugment": [2, 9], "mixup": 0.2})
    assert hparams_of(changed).items() - hparams_of(job(recipe=Recipe(epochs=2))).items() == {
        ("recipe.ema", 0.9),
        ("augmentation.randaugment", "2, 9"),
        ("augmentation.mixup", 0.2),
    }


def test_in_a_sum_of_methods_what_both_have_gets_distinct_names():
    values = hparams_of(
        job(methods=[("kd", {"temperature": 4.0}), ("crd", {"temperature": 0.07, "memory": "bank"})])
    )
    methods = {name: value for name, value in values.items() if name.startswith("method.")}
    assert methods == {"method.kd.temperature": 4.0, "method.crd.temperature": 0.07, "method.memory": "bank"}


def test_runs_of_a_method_are_selected_by_its_name_in_the_code():
    """Under another name, and in a sum."""
    assert hparams_of(job(method="hot"))["base method"] == "kd"
    values = hparams_of(job(method="both", methods=[("crd", {}), ("kd", {"temperature": 4.0})]))
    assert (values["method"], values["base method"]) == ("both", "crd + kd")


def test_a_student_without_a_teacher_is_called_baseline():
    assert hparams_of(job(role="alone", teacher=None, method_name=None))["role"] == "baseline"


def test_a_teacher_has_no_teacher_and_no_method():
    values = hparams_of(job(role="teacher", teacher=None, method_name=None, methods=[("cross_entropy", {})]))
    assert not {"teacher", "method"} & values.keys()


def write_run(folder, what, accuracy):
    train = flat(range(60))
    validation = Split(flat([10, 20, 30]), torch.tensor([0, 1, 1]))
    logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0]])  # the second is wrong
    with opened_board(folder, what, train) as board:
        for epoch in (1, 2):
            board.epoch({"epoch": epoch, "loss": 1 / epoch, "lr": 0.1, "validation_accuracy": 50.0})
        results = {"test_accuracy": accuracy, "ece": 3.0, "agreement": None, "name": "small"}
        board.end(results, 2)
        board.mistakes(validation, logits, ("cat", "dog"), 2)


def test_a_run_has_scalars_pictures_and_who_is_in_them(tmp_path):
    write_run(tmp_path, job(), 90.0)
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = events.Tags()
    assert set(tags["scalars"]) == {"loss", "lr", "validation_accuracy", "test_accuracy", "ece"}
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 0.5)]
    assert [(event.step, event.value) for event in events.Scalars("test_accuracy")] == [(2, 90.0)]
    assert set(tags["images"]) == {"views of the first epoch", PICTURE}
    (event,) = events.Images(PICTURE)
    picture = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
    assert picture[17, 17].tolist() == [20, 20, 20]
    (text,) = events.Tensors(f"{PICTURE}/text_summary")
    # ln(1 + e^9) = 9.000123...
    assert text.tensor_proto.string_val[0].decode().splitlines()[0] == "1. dog, predicted as cat, loss 9.000"


def test_the_hparams_tab_compares_temperatures_and_methods(tmp_path):
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    runs = {"kd/0": (job(), 90.0), "kd/1": (job(seed=1), 92.0), "hot/0": (job("hot", 16.0), 80.0)}
    for name, (what, accuracy) in runs.items():
        write_run(tmp_path / "distilled" / name / "tensorboard", what, accuracy)
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=10,
        include_metrics=True,
        allowed_statuses=[api_pb2.STATUS_SUCCESS],  # those that have ended
        col_params=[
            api_pb2.ColParams(metric=api_pb2.MetricName(tag="test_accuracy"), order=api_pb2.ORDER_DESC)
        ],
    )
    handler = list_session_groups.Handler(RequestContext(), context, "id", request)
    sessions = []
    for group in handler.run().session_groups:
        values = {
            name: group.hparams[name] for name in ("base method", "method", "method.temperature", "seed")
        }
        assert values["base method"].string_value == "kd"
        (metric,) = [metric.value for metric in group.metric_values if metric.name.tag == "test_accuracy"]
        plain = (
            values["method"].string_value,
            values["method.temperature"].number_value,
            values["seed"].number_value,
        )
        sessions.append((*plain, metric))
    assert sessions == [("kd", 4.0, 1.0, 92.0), ("kd", 4.0, 0.0, 90.0), ("hot", 16.0, 0.0, 80.0)]


def test_a_trial_of_a_sweep_has_no_board(tmp_path):
    with opened_board(None, job(), flat([0])) as board:
        assert board is None
