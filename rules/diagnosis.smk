# The diagnosis of every teacher, baseline, and student of a teacher and method, over all its seeds, from logits alone:
# first the numbers, then the pages. So each is made again by itself, and no network runs (see fidelity.smk).
from kd.plan.diagnosis import baseline_diagnosis, distilled_diagnosis, teacher_diagnosis

CELLS = plan.cells()
DIAGNOSES = [cell.file("diagnosis") for cell in CELLS]
PAGES = [cell.file("page") for cell in CELLS]
# The template and style of the pages, which no import names.
DIAGNOSIS_FILES = ("base.html.jinja", "diagnosis/page.html.jinja", "diagnosis/page.css")
DIAGNOSIS_TEXTS = tuple(f"kd/report/{file}" for file in DIAGNOSIS_FILES)


rule diagnose_teacher:
    input:
        dataset=layout.dataset,
        test_logits=[layout.teacher.file("test_logits")],
        validation_logits=[layout.teacher.file("validation_logits")],
    output:
        diagnosis=layout.teacher.file("diagnosis"),
    log:
        layout.log("diagnose_teacher/{teacher}"),
    benchmark:
        layout.benchmark("diagnose_teacher/{teacher}")
    conda:
        CONDA
    threads: cores.threads
    resources:
        runtime=minutes(1),
    params:
        **job_params("diagnose.py", teacher_diagnosis),
    script:
        "../workflow/scripts/diagnose.py"


use rule diagnose_teacher as diagnose_baseline with:
    input:
        dataset=layout.dataset,
        test_logits=plan.of_seeds(layout.baseline, "test_logits"),
        validation_logits=plan.of_seeds(layout.baseline, "validation_logits"),
    output:
        diagnosis=layout.baseline.file("diagnosis"),
    log:
        layout.log("diagnose_baseline/{student}"),
    benchmark:
        layout.benchmark("diagnose_baseline/{student}")
    params:
        **job_params("diagnose.py", baseline_diagnosis),


use rule diagnose_teacher as diagnose_distilled with:
    input:
        unpack(from_wildcards(plan.diagnosis_inputs)),
    output:
        diagnosis=layout.distilled.file("diagnosis"),
    log:
        layout.log("diagnose_distilled/{teacher}/{student}/{method}"),
    benchmark:
        layout.benchmark("diagnose_distilled/{teacher}/{student}/{method}")
    params:
        **job_params("diagnose.py", distilled_diagnosis),


# On a cluster they are made where Snakemake runs: all of a study take seconds. One job, because one for each would
# take as long to start as a hundred pages to write.
rule build_diagnoses:
    input:
        dataset=layout.dataset,
        metrics=[first.file("metrics") for first in CELLS.values()],
        diagnoses=DIAGNOSES,
    output:
        pages=PAGES,
    log:
        layout.log("build_diagnoses"),
    localrule: True
    conda:
        CONDA
    params:
        cfg=json.dumps({"report": layout.report}),
        code=fingerprint("build_diagnoses.py", texts=DIAGNOSIS_TEXTS),
    script:
        "../workflow/scripts/build_diagnoses.py"
