"""The head of a model card, which the Hugging Face Hub reads, as YAML."""

from collections.abc import Mapping
from typing import Any

import yaml

from kd.jobs.export import ExportJob
from kd.settings.export import OTHER


def front_matter(job: ExportJob, run: Mapping[str, Any]) -> str:
    """Licence, tags, data set, and how well the model of this `run` does on all test images, in percent."""
    settings = job.settings
    head: dict[str, Any] = {"license": settings.licence}
    if settings.licence == OTHER:
        head |= {"license_name": settings.licence_name, "license_link": settings.licence_link}
    accuracy, ece = (round(run[key], 4) for key in ("test_accuracy", "ece"))
    metrics = [
        {"type": "accuracy", "name": "test accuracy, percent", "value": accuracy},
        {"type": "ece", "name": "expected calibration error, percent", "value": ece},
    ]
    results = {
        "task": {"type": "image-classification", "name": "Image Classification"},
        "dataset": {"name": job.data_name, "type": job.hub_data or job.data_name, "split": "test"},
        "metrics": metrics,
    }
    head |= {
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "knowledge-distillation", "onnx", "pytorch", job.run.architecture],
        **({"datasets": [job.hub_data]} if job.hub_data else {}),  # only what the Hub has
        "metrics": ["accuracy"],
        "model-index": [{"name": job.title, "results": [results]}],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
