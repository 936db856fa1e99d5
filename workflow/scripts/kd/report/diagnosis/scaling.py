"""What a diagnosis says of temperature scaling and of the rejection threshold of a run."""

from collections.abc import Mapping
from typing import Any

from kd.results.format import number, percent


def scaling_of(run: Mapping[str, Any], validation_images: int) -> list[str]:
    """Sentences on the temperature and the threshold of a run of diagnosis.json, or why there are none."""
    made = run["calibrated"]
    if not made:
        why = "of this teacher there are no validation logits" if validation_images else "no validation split"
        return [f"No temperature scaling and no rejection threshold: {why}."]
    return [_temperature(run, made), _threshold(made)]


def _temperature(run: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    images = f"{made['images']:,} validation images"
    if made["temperature"] is None:
        right = (made["threshold"], made["validation"]["accuracy"]) == (0, 100)
        how = "correctly" if right else "no better than by chance"
        return f"No temperature scaling: the {images} are predicted {how}."
    changes = f"ECE {percent(run['ece'])} → {percent(made['ece'])}"
    changes += f", NLL {number(run['nll'], 3)} → {number(made['nll'], 3)}"
    return f"Temperature {made['temperature']:.3f}, fitted on {images}. On the test images: {changes}."


def _threshold(made: Mapping[str, Any]) -> str:
    """From which confidence on predictions reach the target, and what that comes to on the test images."""
    target, threshold = f"{made['target']:g} %", made["threshold"]
    known, test = made["validation"], made["test"]
    if threshold is None:
        return f"No rejection threshold: no confidence gives {target} accuracy on the validation images."
    if threshold == 0:
        reached = percent(known["accuracy"])
        return f"Nothing to reject: the accuracy on the validation images is {reached} (target {target})."
    after = "" if made["temperature"] is None else " after scaling"
    return (
        f"Rejection threshold {threshold:.4f}, a confidence{after} (target {target}). At or above it:"
        f" validation accuracy {percent(known['accuracy'])}, coverage {percent(known['coverage'])};"
        f" test accuracy {percent(test['accuracy'])}, coverage {percent(test['coverage'])}."
    )
