"""Which of two jobs Snakemake starts first, by a real run on one core."""

import pytest


@pytest.mark.full
def test_of_jobs_that_could_run_the_longest_is_started_first(fresh):
    """Of equal epochs the network that does most in one; a small one for long before a large one for short.

    Millions of multiply-accumulates for an image: resnet8 0.2, wrn_16_1 0.4, resnet20 0.6, vgg8 1.5, vgg11 2.4. They
    are neither named nor asked for in this order. On one core each ends before the next begins.
    """
    named = {"a": "wrn_16_1", "b": "vgg8", "c": "resnet8", "d": "vgg11", "e": "resnet20"}
    teachers = {name: {"architecture": architecture, "width": 0.125} for name, architecture in named.items()}
    teachers["for_long"] = teachers["c"] | {"epochs": 18}
    fresh.configure(teachers=teachers, recipe={"epochs": 1, "batch_size": 64, "lr": 0.05})
    models = {name: f"results/tiny/teachers/{name}/model.safetensors" for name in teachers}
    fresh.run("--cores", "1", *models.values())
    order = sorted(models, key=lambda name: (fresh.folder / models[name]).stat().st_mtime_ns)
    assert order == ["for_long", "d", "b", "e", "a", "c"]
