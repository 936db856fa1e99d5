"""The model card of a shipped student: README.md as the Hugging Face Hub shows it."""

import math
from collections.abc import Mapping
from typing import Any

from kd.export.card.facts import CardFacts
from kd.export.card.front_matter import front_matter
from kd.export.card.measured import how_well, of_files
from kd.export.card.papers import about_method, paper_of
from kd.export.card.snippets import blocks
from kd.results.data_card import data_lines
from kd.results.format import DASH, percent, quantity
from kd.results.markdown import bullets, plain
from kd.settings.export import OTHER, UNKNOWN

_SIXTEEN = (
    " These lines cut what is above 255 off in files of 16 bits; for such there is kd-workflow's predict.py."
)


def card_of(story: CardFacts, teacher: Mapping[str, Any] | None) -> str:
    """The whole card; `teacher` has the metrics of the teacher, where there is one."""
    job, run = story.job, story.run
    by = f", taught by **{plain(job.run.teacher)}**" if teacher else ""
    intro = (
        f"**{plain(run['name'])}** ({plain(run['architecture'])}, {quantity(run['parameters'], 4)}"
        f" parameters){by} with the method **{plain(run['method'])}** on {plain(story.data['dataset'])}: "
        f"{run['test_accuracy']:.2f} % test accuracy."
    )
    sections = {
        "Loading it": _loading(story),
        "How well it does": how_well(story, teacher),
        "Files": of_files(story),
        "Data": bullets(data_lines(story.data)),
        "Teacher": _teacher(story, teacher),
        "Method": _method(story),
        "Recipe": _recipe(story),
        "Limits": bullets(_limits(story)),
        "Licence": _licence(story),
        "Citation": _citation(story),
    }
    head = front_matter(job, run)
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"{head}\n\n# {plain(job.title)}\n\n{intro}\n\n{body}\n"


def _loading(story: CardFacts) -> str:
    height, width, channels = story.data["image_shape"]
    code = {name: f"```python\n{text}\n```" for name, text in blocks(channels, height, width).items()}
    return "\n\n".join(
        [
            "With `pip install onnxruntime numpy pillow`, in this folder:",
            code["model.onnx"],
            f"Images go in as `images`, uint8 from 0 to 255, (batch, {channels}, {height}, {width}), any"
            " number at a time; `logits` come out, whose softmax are the probabilities. They are normalised"
            " inside." + _SIXTEEN * (channels in (1, 3)),
            "As a PyTorch program, likewise with the normalisation inside. `torch.export.load` may unpickle:"
            " load such a file only if you trust whoever made it; ONNX and safetensors files hold no code.",
            code["model.pt2"],
            f"As a PyTorch network to train on, with `workflow/scripts` of {plain(story.project)} on"
            " `PYTHONPATH`; it is the network alone, before which images are normalised as"
            " preprocessor_config.json says:",
            code["model.safetensors"],
        ]
    )


def _teacher(story: CardFacts, teacher: Mapping[str, Any] | None) -> str:
    if not teacher:
        return "None: this method needs no teacher."
    facts = {
        "name": story.job.run.teacher,
        "architecture": teacher["architecture"],
        "parameters": quantity(teacher["parameters"], 4) if teacher["parameters"] else DASH,
        "training": teacher["loss_function"],
        "test accuracy": percent(math.nan if teacher["test_accuracy"] is None else teacher["test_accuracy"]),
    }
    if story.job.chain:
        facts["taught in between"] = ", then ".join(story.job.chain)
    return bullets([f"{name}: {value}" for name, value in facts.items()])


def _method(story: CardFacts) -> str:
    papers = [f"{name}: {about_method(name)}" for name, _ in story.job.run.methods]
    options = [
        f"{name}: {', '.join(f'{key} {value}' for key, value in options.items()) or 'no options'}"
        for name, options in story.job.run.methods
    ]
    return bullets([f"loss: {story.run['loss_function']}", *papers, *options])


def _recipe(story: CardFacts) -> str:
    recipe = story.job.run.recipe.model_dump(mode="json")
    lines = [f"{key}: {value}" for key, value in recipe.items()]
    options = [f"{key}: {value}" for key, value in story.job.run.options.items()]
    made = f"made on {story.run['device']} by {story.project}, seed {story.run['seed']}"
    return bullets([*lines, *(f"architecture's {option}" for option in options), made])


def _limits(story: CardFacts) -> list[str]:
    images = story.data["images"]
    height, width, channels = story.data["image_shape"]
    return [
        f"It knows {len(story.data['classes'])} classes from {images['train']:,} training images of one data"
        " set, and answers with one of them whatever it is shown; on other images it has not been measured.",
        f"It sees {height}×{width} pixels in {channels} channel{'s' if channels > 1 else ''}; larger images"
        " have to be cut and resized.",
        "Not measured: other domains, corrupted or adversarial images, subgroups of people or things, and any"
        " hardware but the one above.",
        "Its probabilities are as calibrated as the error above says, on the test split alone.",
        _of_seeds(len(story.runs)),
    ]


def _of_seeds(count: int) -> str:
    if count == 1:
        return "It is the only run of its recipe; with another seed it would be a little better or worse."
    return f"Being the best of {count} seeds by validation, it is on average a little better than the mean."


def _licence(story: CardFacts) -> str:
    about = story.job.settings
    weights = {
        UNKNOWN: "not stated yet: whoever publishes them decides",
        OTHER: f"{about.licence_name}, {about.licence_link}",
    }.get(about.licence, about.licence)
    return bullets(
        [
            f"weights: {weights}",
            f"data: {story.data['licence']} (source: {story.data['source']})",
            f"code that made them, {story.project}: MIT",
        ]
    )


def _citation(story: CardFacts) -> str:
    papers = [paper_of(name) for name, _ in story.job.run.methods]
    data = [story.data["paper"]] if story.data["paper"] else []
    return bullets(
        [*papers, *data, f"{story.project}: knowledge distillation as a Snakemake workflow (CITATION.cff)"]
    )
