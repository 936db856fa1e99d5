"""Recomputes the accuracies and gains of a study's table from its logits, with NumPy and safetensors alone.

    python docs/results/recompute.py results/digits

Exits with 1 if the table differs.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open

T = {2: 12.7062, 3: 4.3027, 4: 3.1824, 5: 2.7764, 6: 2.5706}  # 97.5 % quantile of Student's t, by seeds
FOLDERS = {"teacher": "teachers/{name}", "student alone": "alone/{name}"}
FOLDERS["distilled student"] = "distilled/{teacher}/{name}/{method}"

study = Path(sys.argv[1])
with safe_open(study / "data/dataset.safetensors", "np") as data:
    labels = data.get_tensor("test_labels")


def accuracies(folder: str) -> dict[str, float]:
    """In per cent, by seed."""
    files = sorted((study / folder).glob("**/test_logits.npy"))
    return {file.parent.name: 100 * float((np.load(file).argmax(1) == labels).mean()) for file in files}


wrong = 0
for row in csv.DictReader((study / "table.csv").open(encoding="utf-8")):
    if row["role"] not in FOLDERS:
        continue
    by_seed = accuracies(
        FOLDERS[row["role"]].format(**row | {"teacher": row["teacher"].replace("(none)", "_none")})
    )
    values = {"test_accuracy": float(np.mean(list(by_seed.values())))}
    if row["gain"]:
        alone = accuracies(FOLDERS["student alone"].format(**row))
        gains = np.array([by_seed[seed] - alone[seed] for seed in by_seed])
        values["gain"] = float(gains.mean())
        if len(gains) in T:
            values["gain_ci95"] = T[len(gains)] * float(gains.std(ddof=1)) / len(gains) ** 0.5
    differs = [key for key, value in values.items() if abs(value - float(row[key])) > 0.001]
    wrong += bool(differs)
    texts = ", ".join(f"{key} {value:.3f}" for key, value in values.items())
    print(
        row["name"], row["teacher"], row["method"], texts, *(f"DIFFERS: {key} {row[key]}" for key in differs)
    )
print(f"{wrong} rows differ")
sys.exit(bool(wrong))
