"""The study that is proposed for a folder of images."""

from dataclasses import dataclass

from kd.proposal.inspection import Inspection
from kd.settings.optimizers import FINE_TUNING

SIDES = (32, 48, 64, 96, 128, 160, 192, 224)  # pixels that are proposed
PRETRAINED = ("torchvision/resnet50", ("torchvision/mobilenet_v3_small",))
FROM_SCRATCH = ("resnet18", ("mobilenetv2_half",))
SCRATCH = {"epochs": 100, "batch_size": 64, "lr": 0.05}  # a recipe for few images and no pretrained weights
STEPS, LEAST = 4, 8  # of an epoch, at least; of a batch, at least, for batch norm
FEW = 500  # training images; of fewer, a tenth is too little to select anything on
# Networks that take images of one size only: these get their library's own.
FIXED = ("vit", "swin", "deit", "beit", "cait", "coat", "maxvit", "mixer", "xcit", "eva", "tnt", "levit")


@dataclass(frozen=True)
class Network:
    """A teacher or a student: an architecture, with the weights of its library or without."""

    architecture: str
    pretrained: bool

    @property
    def name(self) -> str:
        """The name that it has in the study."""
        return self.architecture.rpartition("/")[2].replace(".", "_")


@dataclass(frozen=True)
class Proposal:
    """All that a config of it says."""

    study: str
    inspection: Inspection
    teacher: Network
    students: tuple[Network, ...]
    image_size: int
    epochs: int
    seeds: int
    test_fraction: float
    group_by: str | None = None

    @property
    def tuned(self) -> bool:
        """Whether every network has pretrained weights."""
        return all(network.pretrained for network in (self.teacher, *self.students))

    @property
    def validation(self) -> float:
        """Share of the training images."""
        return 0.2 if self.inspection.training < FEW else 0.1

    @property
    def recipe(self) -> dict[str, float]:
        """Of the networks without pretrained weights, or of all where all have them."""
        recipe = {key: FINE_TUNING[key] for key in SCRATCH} if self.tuned else dict(SCRATCH)
        images = int(self.inspection.training * (1 - self.validation))
        most = max(2, 2 ** ((images // STEPS).bit_length() - 1), min(images, LEAST))
        return recipe | {"epochs": self.epochs, "batch_size": min(recipe["batch_size"], most)}

    def options(self, network: Network) -> dict[str, object]:
        """Keys of a network in the config."""
        options: dict[str, object] = {}
        if network.name != network.architecture:
            options["architecture"] = network.architecture
        if network.pretrained:
            options["pretrained"] = True
            if not network.architecture.rpartition("/")[2].startswith(FIXED):
                options["input_size"] = self.image_size
            if not self.tuned:
                options |= {"epochs": FINE_TUNING["epochs"], "lr": FINE_TUNING["lr"]}
        return options


def image_size_for(inspection: Inspection, *, pretrained: bool, gpu: bool) -> int:
    """Pixels a side: no more than most images have, nor than the machine trains in reasonable time."""
    most = (224 if pretrained else 64) if gpu else (128 if pretrained else 32)
    return max([side for side in SIDES if side <= min(most, inspection.short_side)], default=SIDES[0])
