"""What the numbers and drawings of a diagnosis mean, in its page's own words."""

GENERAL = (
    "All is of the test split, but for what is called train, and of the weights of the last epoch. "
    "± is the standard deviation over seeds.",
    "Losses are cross-entropies in nats. NLL is their mean; “loss, right” and “loss, wrong” are the means "
    "over the correctly and over the wrongly classified images.",
    "ECE: expected calibration error in 15 bins (Guo et al. 2017). Brier: the squared distance of the "
    "probabilities from the truth, summed over classes, 0 to 2.",
)
COMPARED = (
    "Agreement: on how many of the images student and teacher predict the same class. KL: the mean of "
    "KL(teacher ‖ student) in nats, at temperature 1 (Stanton et al. 2021). Train: on the training images as "
    "they are, without augmentation."
)
GAIN = "Gain: accuracy in a class less that of the same student with the same seed, trained alone."
SOFT = (
    "Soft targets are of the three images of which {who} is least sure (the highest entropy), and of the "
    "three others with the largest losses. The true class is underlined; the number at a bar is {whose}."
)
CKA = (
    "CKA: linear centred kernel alignment of two stages on test images (Kornblith et al. 2019), 1 where they "
    "are alike up to rotation and scale."
)


def legend(*, distilled: bool, compared: bool, taught: bool, gained: bool, cka: bool) -> list[str]:
    """The sentences for a page that shows these things."""
    who = "the teacher" if taught else "the network"
    soft = SOFT.format(who=who, whose="the student's" if distilled else "the network's")
    also = [(compared, COMPARED), (gained, GAIN), (True, soft), (cka, CKA)]
    return [*GENERAL, *(text for shown, text in also if shown)]
