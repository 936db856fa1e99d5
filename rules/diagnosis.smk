# A close look at every teacher, student alone, and students of one teacher and method, over all seeds.
CELLS = all_cells()
DIAGNOSES = [f"{cell}/{file}" for cell in CELLS for file in ("diagnosis.json", "diagnosis.html")]


rule diagnose_teacher:
    input:
        unpack(diagnosed_teacher),
    output:
        diagnosis=f"{RESULTS}/teachers/{{teacher}}/diagnosis.json",
        page=f"{RESULTS}/teachers/{{teacher}}/diagnosis.html",
        # Of the images as they are, for all its students; none where they are not among the user's logits.
        train_logits=f"{RESULTS}/teachers/{{teacher}}/train_logits.npy",
    log:
        f"{RESULTS}/logs/diagnose_teacher/{{teacher}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose_teacher/{{teacher}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(1, input, attempt),
    params:
        cfg=lambda wildcards: teacher_diagnosis(wildcards).to_json(),
        code=fingerprint("diagnose.py"),
    script:
        "../workflow/scripts/diagnose.py"


# Of what is stored alone: no network runs.
use rule diagnose_teacher as diagnose_alone with:
    input:
        unpack(diagnosed_alone),
    output:
        diagnosis=f"{RESULTS}/alone/{{student}}/diagnosis.json",
        page=f"{RESULTS}/alone/{{student}}/diagnosis.html",
    log:
        f"{RESULTS}/logs/diagnose_alone/{{student}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose_alone/{{student}}.tsv"
    resources:
        runtime=lambda wildcards, input, attempt: minutes(1, input, attempt),
    params:
        cfg=lambda wildcards: alone_diagnosis(wildcards).to_json(),
        code=fingerprint("diagnose.py"),


use rule diagnose_teacher as diagnose_distilled with:
    input:
        unpack(diagnosed_students),
    output:
        diagnosis=f"{RESULTS}/distilled/{{teacher}}/{{student}}/{{method}}/diagnosis.json",
        page=f"{RESULTS}/distilled/{{teacher}}/{{student}}/{{method}}/diagnosis.html",
    log:
        f"{RESULTS}/logs/diagnose_distilled/{{teacher}}/{{student}}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose_distilled/{{teacher}}/{{student}}/{{method}}.tsv"
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(len(study.seeds), input, attempt),
    params:
        cfg=lambda wildcards: distilled_diagnosis(wildcards).to_json(),
        code=fingerprint("diagnose.py"),
