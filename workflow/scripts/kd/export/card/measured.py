"""The tables of a model card: what was measured of the student, and of each of its files."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kd.export.card.facts import CardFacts
from kd.export.verification import USEFUL
from kd.results.format import DASH, number, percent, plus_minus, quantity, size
from kd.results.markdown import plain, table
from kd.results.significance import t_half_width
from kd.results.table import summarise
from kd.roles import DISTILLED_STUDENT


def how_well(story: CardFacts, teacher: Mapping[str, Any] | None) -> str:
    """The student's numbers beside those of its recipe, of itself alone and of its teacher."""
    run, row = story.run, _row(story)
    several, mean = len(story.runs) > 1, ", mean" * (len(story.runs) > 1)
    rows = [
        ["test accuracy of this model", percent(run["test_accuracy"])],
        *([[f"mean of the {len(story.runs)} seeds of its recipe", _mean(story.runs)]] if several else []),
        [f"the same student trained alone{mean}", _mean(story.alone)],
        ["gain over it, in points", plus_minus(row["gain"], row["gain_ci95"], "+")],
        ["test accuracy of the teacher", percent(teacher["test_accuracy"]) if teacher else DASH],
        ["same class as the teacher", percent(run["agreement"])],
        ["expected calibration error (15 bins)", percent(run["ece"])],
        ["test loss, nats", number(run["test_loss"], 4)],
        ["parameters", f"{run['parameters']:,}"],
        ["multiply-accumulates for an image", quantity(run["macs"], 4)],
    ]
    said = (
        f"Measured on all {story.found['test_images']:,} test images, which chose nothing. {_of_seeds(story)}"
    )
    return f"{table(['', 'value'], rows)}\n\n{said}"


def _of_seeds(story: CardFacts) -> str:
    run = story.run
    if len(story.runs) == 1:
        return (
            f"There is one run, with seed {run['seed']}, and so no interval: how far another seed would be"
            " from it was not measured. The gain is over the same student with the same seed."
        )
    return (
        "The ± are half-widths of 95 % Student-t intervals over seeds; the gain is over the same student with"
        f" the same seed. Of {len(story.runs)} seeds this is seed {run['seed']}, whose last weights have the"
        f" highest validation accuracy ({run['validation_accuracy']:.2f} %): what to expect of the recipe is"
        " the mean."
    )


def _mean(runs: Sequence[Mapping[str, Any]]) -> str:
    accuracies = pd.Series([run["test_accuracy"] for run in runs])
    return f"{plus_minus(accuracies.mean(), t_half_width(accuracies))} %"


def _row(story: CardFacts) -> pd.Series:
    """The row of this student in the table of its study."""
    found = summarise([*story.alone, *story.runs])
    return found[found["role"] == DISTILLED_STUDENT].iloc[0]


def of_files(story: CardFacts) -> str:
    """What was measured of each file that is shipped."""
    found = story.found
    small, large = found["milliseconds"]
    over = f"of {found['images']:,} images"
    header = ["file", "size", f"accuracy {over}", f"ECE {over}", "largest difference", "same predictions"]
    header += [f"ms, batch {small}", f"ms, batch {large}"]
    rows = []
    for name, scores in found["formats"].items():
        times = [found["milliseconds"][batch][name]["median"] for batch in (small, large)]
        rows.append(
            [
                f"`{found['files'][name]}`",
                size(found["bytes"][name]),
                *(percent(scores[key]) for key in ("accuracy", "ece")),
                f"{scores['largest_difference']:.1e}",
                percent(scores["same_predictions"]),
                *(f"{time:.3f}" for time in times),
            ]
        )
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    said = (
        f"On {found['images']:,} of the {found['test_images']:,} test images. Differences are of logits (up"
        f" to {found['largest_logit']:.1f}) to those of the PyTorch network, {found['tolerance']:g} of the"
        " largest being allowed to all but int8; those of model.safetensors are to what training recorded."
        f" Times are medians on one core of {plain(found['device'])}, of PyTorch (eager) for"
        f" model.safetensors; {plain(versions)}. verification.json has all of it."
    )
    return "\n\n".join([table(header, rows), said, *_of_int8(found)])


def _of_int8(found: Mapping[str, Any]) -> list[str]:
    """What has to be said of a quantised file, where there is one."""
    if not (scores := found["formats"].get("int8")):
        return []
    name, kept = found["files"]["int8"], scores["same_predictions"]
    said = [
        f"What `{name}` answers is that of this CPU; its weights have seven bits, because of eight the sums"
        " overflow on x86 CPUs without VNNI. Others may round otherwise: measure it where it is to be used."
    ]
    if kept < USEFUL:
        said.insert(0, f"**Do not use `{name}`**: only {kept:.2f} % of its predictions are the network's.")
    return said
