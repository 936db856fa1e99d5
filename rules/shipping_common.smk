"""What the rules that measure and ship students share: which networks, and the files of an export."""

from kd.plan import export as plan

MEASURED = plan.measured(study)
# For what would measure other jobs as well. On a cluster one: a job there is told "all", of a node whose other
# cores are not its own, and must ask for no more than it was given.
ALL_CORES = 1 if workflow.remote_exec else workflow.resource_settings.cores or 1
EXPORTED = f"{RESULTS}/export/{{teacher}}/{{student}}/{{method}}"
EXPORT_FILES = {
    "onnx": "model.onnx",
    "program": "model.pt2",
    "weights": "model.safetensors",
    "config": "config.json",
    "preprocessor": "preprocessor_config.json",
    "card": "README.md",
    "verification": "verification.json",
} | ({"int8": "model_int8.onnx"} if study.export.int8 else {})


def export_job(wildcards):
    return plan.export_job(study, wildcards.teacher, wildcards.student, wildcards.method)


def export_code(wildcards):
    return fingerprint("export_student.py", plan.export_modules(export_job(wildcards)))


def export_inputs(wildcards):
    """The runs that differ in the seed alone, what they are compared with, and who taught them."""
    pair = f"{wildcards.teacher}/{wildcards.student}/{wildcards.method}"
    alone = f"{RESULTS}/alone/{wildcards.student}"
    files = {"dataset": DATASET, "data": DATA_SUMMARY}
    for name in ("model", "metrics", "test_logits"):
        files[name] = [f"{RESULTS}/distilled/{pair}/{seed}/{RUN_FILES[name]}" for seed in study.seeds]
    files["alone"] = [f"{alone}/{seed}/metrics.json" for seed in study.seeds]
    if wildcards.teacher != NO_TEACHER:
        files["teacher"] = f"{RESULTS}/teachers/{wildcards.teacher}/metrics.json"
    return files


def all_exports():
    """The files of every export of the study."""
    return [
        f"{RESULTS}/export/{teacher}/{student}/{method}/{file}"
        for method in study.methods
        for teacher, student in study.pairs_of(method)
        for file in EXPORT_FILES.values()
    ]
