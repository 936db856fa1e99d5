"""What the numbers and drawings of a diagnosis mean, in its page's own words."""

from collections.abc import Mapping, Sequence
from typing import Any

GENERAL = (
    "All is of the test split, but for what is called train, and of the weights of the last epoch. "
    "sd: standard deviation over seeds.",
    "Losses are cross-entropies in nats. NLL is their mean; “loss (correct)” and “loss (wrong)” are "
    "the means over the correctly and over the wrongly classified images.",
    "ECE: expected calibration error in 15 bins (Guo et al. 2017). Brier: the squared distance of the "
    "probabilities from the truth, summed over classes, 0 to 2.",
    "Balanced accuracy: the mean of the accuracies of the classes. Macro-F1: the mean of their F1 scores.",
    "Temperature scaling: the logits are divided by the number that gives the lowest NLL on the validation "
    "split (Guo et al. 2017). It changes no prediction. Rejection threshold: the confidence from which on "
    "predictions reach the target accuracy on the validation split (Geifman & El-Yaniv 2017). Coverage: the "
    "share of images at or above it.",
)
COMPARED = (
    "Agreement: on how many of the images student and teacher predict the same class. KL: the mean of "
    "KL(teacher ‖ student) in nats, at temperature 1 (Stanton et al. 2021). Train: on the training images as "
    "they are, without augmentation."
)
GAIN = "Gain: accuracy in a class minus that of the baseline, the same student with the same seed. "
SPREAD = (
    "Brackets: 95 % Student-t interval over the seeds. ▲ ▼ and colour mark gains whose interval excludes 0, "
    "as that of one class in twenty does by chance. Thin lines on a bar are single seeds."
)
SINGLE = "From one seed none is significant, so none is marked."
SOFT = (
    "Soft targets are of the three images for which {who} has the highest entropy, and of the three "
    "others with the largest losses. The true class is underlined; a number stands at the end of its "
    "bar, from 0.5 % on."
)
CKA = (
    "CKA: linear centred kernel alignment of two feature maps on test images (Kornblith et al. 2019), 1 "
    "where they are equal up to rotation and scale."
)


def legend(runs: Sequence[Mapping[str, Any]], *, taught: bool, gained: bool) -> list[str]:
    """The sentences for a page of these runs; `taught`: it has soft targets of a teacher, `gained`: gains."""
    compared, cka = (any(run[key] for run in runs) for key in ("fidelity", "cka"))
    soft = SOFT.format(who="the teacher" if taught else "the network")
    gain = GAIN + (SPREAD if len(runs) > 1 else SINGLE)
    also = [(compared, COMPARED), (gained, gain), (True, soft), (cka, CKA)]
    return [*GENERAL, *(text for shown, text in also if shown)]
