"""The diagnosis of a made-up network, and its page."""

from pathlib import Path

import numpy as np
from fake_runs import fake_run

from kd.evaluation.calibration import calibrate
from kd.evaluation.changes import changes
from kd.evaluation.classification import confusion_change, figures, judge, worst
from kd.evaluation.soft_targets import choose_images, soft_targets
from kd.report.diagnosis.page import to_page
from kd.report.diagnosis.pictures import pictures
from kd.results.metrics import Metrics

METRICS = fake_run("distilled", "cnn", parameters=1442)
FAITHFUL = {"test": {"agreement": 87.5, "kl": 0.4321}, "train": {"agreement": 93.75, "kl": 0.1234}}


def made_up(classes, samples=60, seeds=(0, 1), role="distilled", teacher="big"):
    """A diagnosis of random logits."""
    random, runs = np.random.default_rng(0), []
    for seed in seeds:
        labels = random.integers(0, len(classes), samples)
        own, taught = (random.normal(size=(samples, len(classes))) * 2 for _ in range(2))
        judged = judge(own, labels)
        chosen = choose_images(judged.losses[::-1], judged.losses)
        run = {"seed": seed} | figures(judged) | {"worst": worst(judged, 16)}
        run["calibrated"] = calibrate(own / 2, labels, own, labels, 0.5)
        distilled = role == "distilled" and teacher != "(none)"
        run["soft_targets"] = soft_targets(chosen, labels, own, taught if distilled else None, [1.0, 4.0])
        run |= dict.fromkeys(("gain", "class_gain", "confusion_change", "fidelity", "cka"))
        if distilled:
            gains = random.normal(size=len(classes)).tolist()
            cka = {"teacher_stages": 1, "student_stages": 2, "values": [[0.8765, None]]}
            change = confusion_change(judged, taught.argmax(1))
            run |= {"gain": 2.5, "class_gain": gains, "confusion_change": change}
            run |= {"fidelity": FAITHFUL, "cka": cka}
        runs.append(run)
    names = {"role": role, "name": "small", "teacher": teacher, "method": "kd"}
    images = {"class_images": [max(1, samples // len(classes))] * len(classes)}
    changed = None
    if role == "distilled" and teacher != "(none)" and runs:
        changed = changes(labels, [own.argmax(1)] * len(runs), [taught.argmax(1)] * len(runs))
    images |= {"validation_images": samples}
    return names | {"classes": list(classes), "changes": changed, "runs": runs} | images


def page_of(diagnosis, metrics=METRICS, cell="distilled/big/small/kd"):
    images, study = np.zeros((3000, 8, 8, 1), np.uint8), Path("results/mine")
    places = study / cell / "diagnosis.html", study / "report.html"
    return to_page(diagnosis, Metrics(**metrics), pictures(diagnosis, images), *places)
