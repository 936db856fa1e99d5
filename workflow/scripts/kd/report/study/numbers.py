"""The numbers of one run, each with the file that it came from."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from kd.report.html import linked
from kd.report.study.sources import Study
from kd.results.format import DASH, duration, number, percent, quantity, signed
from kd.results.metrics import Metrics
from kd.results.runs import Cell, Run

# Of two names of the same number, the one that is left out where the other is there.
_DUPLICATE_OF = {"negative log-likelihood": "test loss", "agreement": "agreement, test images"}


def run_numbers(cell: Cell, run: Run, baseline: Run | None, study: Study) -> dict[str, Markup]:
    """The numbers of one run by what they are; a gain stands with the two accuracies that it comes from."""
    mine, diagnosis = (
        study.links.to(file) for file in (run.folder / "metrics.json", cell.folder / "diagnosis.json")
    )
    texts = {what: (text, mine) for what, text in _measured(run.metrics, baseline).items()}
    if run.diagnosis:
        texts |= {what: (text, diagnosis) for what, text in _diagnosed(run.diagnosis).items()}
    texts["latency in milliseconds"] = study.time(cell.key)[:2]
    numbers = {what: linked(*source, "from") for what, source in texts.items() if source[0] != DASH}
    if baseline:
        before = percent(baseline.metrics.test_accuracy)
        numbers["gain"] += " " + linked(before, study.links.to(baseline.folder / "metrics.json"), "from")
    return {what: shown for what, shown in numbers.items() if _DUPLICATE_OF.get(what) not in numbers}


def gain_of(metrics: Metrics, baseline: Run | None) -> str:
    """In percentage points over the baseline; a dash where there is none."""
    return signed(metrics.test_accuracy - baseline.metrics.test_accuracy) if baseline else DASH


def _measured(metrics: Metrics, baseline: Run | None) -> dict[str, str]:
    return {
        "test accuracy, last epoch": percent(metrics.test_accuracy),
        "gain": f"{gain_of(metrics, baseline)} points, from" if baseline else DASH,
        f"test accuracy, epoch {metrics.selected_epoch} (selected)": percent(metrics.selected_test_accuracy),
        "validation accuracy": percent(metrics.validation_accuracy),
        "train accuracy": percent(metrics.train_accuracy),
        "test loss": number(metrics.test_loss, 3),
        "train loss": number(metrics.train_loss, 3),
        "agreement": percent(metrics.agreement),
        "calibration error (ECE)": percent(metrics.ece),
        "parameters": quantity(metrics.parameters, 4),
        "MACs": quantity(metrics.macs, 3),
        "epochs": number(metrics.epochs, 0),
        "time": duration(metrics.seconds),
    }


def _diagnosed(diagnosis: Mapping[str, Any]) -> dict[str, str]:
    """What the diagnosis of a run adds."""
    shown = {
        "negative log-likelihood": number(diagnosis["nll"], 3),
        "Brier score": number(diagnosis["brier"], 4),
        f"mean loss (correct, {diagnosis['correct']:,} images)": number(diagnosis["loss_correct"], 3),
        f"mean loss (wrong, {diagnosis['wrong']:,} images)": number(diagnosis["loss_wrong"], 3),
    }
    for split, fidelity in (diagnosis["fidelity"] or {}).items():
        if fidelity:
            shown[f"agreement, {split} images"] = percent(fidelity["agreement"])
            shown[f"KL from the teacher, {split} images"] = f"{number(fidelity['kl'], 4)} nats"
    return shown
