"""The head of a model card, which the Hugging Face Hub reads: YAML between two lines of dashes."""

from collections.abc import Mapping
from typing import Any

import yaml

from kd.shipping.job import ExportJob


def front_matter(job: ExportJob, found: Mapping[str, Any], dataset: str) -> str:
    """Licence, tags, data set, and how well this very model does: `found`, in percent."""
    licence = job.settings.licence
    head: dict[str, Any] = {"license": licence}
    if licence == "other":
        head["license_name"] = "see-model-card"
    metrics = [
        {"type": "accuracy", "name": "test accuracy, percent", "value": _short(found["accuracy"])},
        {"type": "ece", "name": "expected calibration error, percent", "value": _short(found["ece"])},
    ]
    results = {
        "task": {"type": "image-classification", "name": "Image Classification"},
        "dataset": {"name": dataset, "type": dataset, "split": "test"},
        "metrics": metrics,
    }
    head |= {
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "knowledge-distillation", "onnx", "pytorch", job.run.architecture],
        "datasets": [dataset],
        "metrics": ["accuracy"],
        "model-index": [{"name": job.title, "results": [results]}],
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def _short(value: float) -> float:
    return round(value, 4)
