"""The parts of a data set as training sees them, whether their images are on the device or come to it."""

import torch
from torch import Tensor

from kd.data.dataset import PARTS, Dataset
from kd.data.shards import Shards
from kd.data.streaming import StreamedImages
from kd.data.views import Split, ViewedImages

SHARE = 0.5  # of a GPU's free memory that images may fill


def load_split(data: Dataset[Tensor], part: str, device: torch.device, stream: str = "never") -> Split:
    """The part "train", "validation" or "test" of a data set on `device`.

    `stream`, as compute.stream, says whether its images stay where they are and come in batches: "auto" does
    so with those that are in files, and where all parts together would fill a GPU.
    """
    tensors = data.tensors()
    images, labels = tensors[f"{part}_images"], tensors[f"{part}_labels"].to(device)
    how = data.pad, data.flip, data.mean, data.std, data.area
    if stream == "always" or (stream == "auto" and _fill(tensors, device)):
        return Split(StreamedImages(images, device, *how), labels)
    if isinstance(images, Shards):
        images = torch.from_numpy(images[:])
    return Split(ViewedImages(images.to(device), *how), labels)


def _fill(tensors: dict[str, Tensor], device: torch.device) -> bool:
    images = [tensors[f"{part}_images"] for part in PARTS]
    if device.type != "cuda":
        return any(isinstance(each, Shards) for each in images)
    size = sum(torch.Size(each.shape).numel() for each in images)
    return size > SHARE * torch.cuda.mem_get_info(device)[0]
