# The diagnosis of every teacher, baseline, and student of a teacher and method, over all its seeds: first what
# needs networks, then what needs only their logits, then the pages. So each is made again by itself.
from kd.plan.diagnosis import baseline_diagnosis, comparison, distilled_diagnosis, teacher_diagnosis

CELLS = plan.cells()
DIAGNOSES = [cell.file("diagnosis") for cell in CELLS]
PAGES = [cell.file("page") for cell in CELLS]
# The template and style of the pages, which no import names.
DIAGNOSIS_FILES = ("base.html.jinja", "diagnosis/page.html.jinja", "diagnosis/page.css")
DIAGNOSIS_TEXTS = tuple(f"kd/report/{file}" for file in DIAGNOSIS_FILES)


# Of user's logits none has to run.
ruleorder: import_training_logits > compute_training_logits


rule compute_training_logits:
    input:
        dataset=layout.dataset,
        model=layout.teacher.file("model"),
    output:
        # Of the images as they are, for all its students.
        train_logits=layout.teacher.file("train_logits"),
    log:
        layout.log("compute_training_logits/{teacher}"),
    benchmark:
        layout.benchmark("compute_training_logits/{teacher}")
    conda:
        CONDA
    threads: THREADS
    resources:
        **on_gpu(1),
    params:
        code=fingerprint("compute_training_logits.py"),
    script:
        "../workflow/scripts/compute_training_logits.py"


rule import_training_logits:
    input:
        dataset=layout.dataset,
    output:
        train_logits=layout.teacher("{logits_teacher}").file("train_logits"),
    log:
        layout.log("import_training_logits/{logits_teacher}"),
    benchmark:
        layout.benchmark("import_training_logits/{logits_teacher}")
    conda:
        CONDA
    params:
        cfg=lambda wildcards: json.dumps({"sha256": plan.logits[wildcards.logits_teacher].sha256}),
        code=fingerprint("import_training_logits.py"),
    script:
        "../workflow/scripts/import_training_logits.py"


rule measure_fidelity:
    input:
        dataset=layout.dataset,
        teacher_train=layout.teacher.file("train_logits"),
        models=plan.of_seeds(layout.distilled, "model"),
    output:
        fidelity=layout.distilled.file("fidelity"),
    log:
        layout.log("measure_fidelity/{teacher}/{student}/{method}"),
    benchmark:
        layout.benchmark("measure_fidelity/{teacher}/{student}/{method}")
    conda:
        CONDA
    threads: THREADS
    resources:
        **on_gpu(len(study.seeds)),
    params:
        **job_params("measure_fidelity.py", comparison),
    script:
        "../workflow/scripts/measure_fidelity.py"


rule compare_feature_maps:
    input:
        dataset=layout.dataset,
        teacher_model=layout.teacher.file("model"),
        models=plan.of_seeds(layout.distilled, "model"),
    output:
        cka=layout.distilled.file("cka"),
    log:
        layout.log("compare_feature_maps/{teacher}/{student}/{method}"),
    benchmark:
        layout.benchmark("compare_feature_maps/{teacher}/{student}/{method}")
    conda:
        CONDA
    threads: THREADS
    resources:
        **on_gpu(1),
    params:
        **job_params("compare_feature_maps.py", comparison),
    script:
        "../workflow/scripts/compare_feature_maps.py"


# From here on no network runs.
rule diagnose_teacher:
    input:
        dataset=layout.dataset,
        test_logits=[layout.teacher.file("test_logits")],
    output:
        diagnosis=layout.teacher.file("diagnosis"),
    log:
        layout.log("diagnose_teacher/{teacher}"),
    benchmark:
        layout.benchmark("diagnose_teacher/{teacher}")
    conda:
        CONDA
    threads: THREADS
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
