"""The JSON files of an exported student, with the keys that the Hugging Face libraries use."""

from collections.abc import Mapping
from typing import Any

from kd.data.dataset import Dataset
from kd.jobs.export import ExportJob

BILINEAR = 2  # as Pillow numbers its filters


def config_of(
    job: ExportJob, data: Dataset, seed: int, changes: dict[str, Any], sums: dict[str, str]
) -> dict[str, Any]:
    """config.json: what the network is, what its classes are called, and what an image is to it.

    `changes`: what the method did to its layers; `sums`: the SHA-256 of each of its files, by name.
    """
    height, width, channels = data.test_images.shape[1:]
    labels = {str(number): name for number, name in enumerate(data.classes)}
    return {
        "model_type": "kd-workflow",
        "architecture": job.run.architecture,
        "options": job.run.options,
        "changes": changes,
        "num_channels": channels,
        "image_size": [height, width],
        "num_labels": len(labels),
        "id2label": labels,
        "label2id": {name: int(number) for number, name in labels.items()},
        "pixels": "uint8 (batch, channels, height, width); model.onnx and model.pt2 normalise them",
        "student": job.run.name,
        "teacher": job.run.teacher,
        "method": job.run.method_name,
        "seed": seed,
        "sha256": sums,
    }


def recommended(calibrated: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What config.json says of calibration: recommended values, which the logits do not contain.

    The probabilities are the softmax of logits / temperature, of the logits where that is null. A prediction
    whose probability is below the threshold is to be rejected. None without a validation split.
    """
    if calibrated is None:
        return None
    return {
        "temperature": calibrated["temperature"],
        "rejection_threshold": calibrated["threshold"],
        "target_accuracy": calibrated["target"] / 100,
        "validation_images": calibrated["images"],
    }


def onnx_notes(calibrated: Mapping[str, Any] | None) -> dict[str, str]:
    """The same as metadata of model.onnx, where values are texts; what is null is left out."""
    values = recommended(calibrated) or {}
    return {name: repr(value) for name, value in values.items() if value is not None}


def preprocessor_of(data: Dataset) -> dict[str, Any]:
    """preprocessor_config.json: what goes before model.safetensors, which is the network alone.

    Read by transformers' AutoImageProcessor, whose CLIPImageProcessor is the one that resizes so that the
    shorter side fits and then cuts the middle out, in all of its versions.
    """
    height, width, channels = data.test_images.shape[1:]
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": channels == 3,
        "do_resize": True,
        "size": {"shortest_edge": min(height, width)},
        "resample": BILINEAR,
        "do_center_crop": True,
        "crop_size": {"height": height, "width": width},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(data.mean),
        "image_std": list(data.std),
    }
