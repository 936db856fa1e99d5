# A close look at every teacher, student alone, and students of one teacher and method, over all seeds: first what
# networks have to run for, then what stored logits tell, then the pages. So each is made anew by itself.
CELLS = all_cells()
PAGES = [f"{cell}/diagnosis.html" for cell in CELLS]
DIAGNOSES = [f"{cell}/diagnosis.json" for cell in CELLS] + PAGES
# The template and style of the pages, which no import names.
DIAGNOSIS_TEXTS = ("kd/report/diagnosis/page.html.jinja", "kd/report/diagnosis/page.css")


# Of user's logits none has to run.
ruleorder: take_training_logits > store_training_logits


# On a cluster they are made where Snakemake runs: all of a study take seconds. One job, because one for each would
# take as long to start as a hundred pages to write.
localrules:
    build_diagnoses,


rule store_training_logits:
    input:
        dataset=DATASET,
        model=f"{RESULTS}/teachers/{{teacher}}/model.safetensors",
    output:
        # Of the images as they are, for all its students.
        train_logits=f"{RESULTS}/teachers/{{teacher}}/train_logits.npy",
    log:
        f"{RESULTS}/logs/store_training_logits/{{teacher}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/store_training_logits/{{teacher}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(1, input, attempt),
    params:
        code=fingerprint("store_training_logits.py"),
    script:
        "../workflow/scripts/store_training_logits.py"


rule take_training_logits:
    input:
        dataset=DATASET,
    output:
        train_logits=f"{RESULTS}/teachers/{{stored}}/train_logits.npy",
    log:
        f"{RESULTS}/logs/take_training_logits/{{stored}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/take_training_logits/{{stored}}.tsv"
    conda:
        CONDA
    params:
        cfg=lambda wildcards: json.dumps({"sha256": stored_jobs[wildcards.stored].sha256}),
        code=fingerprint("take_training_logits.py"),
    script:
        "../workflow/scripts/take_training_logits.py"


rule measure_fidelity:
    input:
        dataset=DATASET,
        teacher_train=f"{RESULTS}/teachers/{{teacher}}/train_logits.npy",
        models=of_seeds(TAUGHT, "model"),
    output:
        fidelity=f"{TAUGHT}/fidelity.json",
    log:
        f"{RESULTS}/logs/measure_fidelity/{{teacher}}/{{student}}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_fidelity/{{teacher}}/{{student}}/{{method}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(len(study.seeds), input, attempt),
    params:
        cfg=lambda wildcards: comparison(wildcards).to_json(),
        code=fingerprint("measure_fidelity.py"),
    script:
        "../workflow/scripts/measure_fidelity.py"


rule compare_stages:
    input:
        dataset=DATASET,
        teacher_model=f"{RESULTS}/teachers/{{teacher}}/model.safetensors",
        models=of_seeds(TAUGHT, "model"),
    output:
        cka=f"{TAUGHT}/cka.json",
    log:
        f"{RESULTS}/logs/compare_stages/{{teacher}}/{{student}}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_stages/{{teacher}}/{{student}}/{{method}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(1, input, attempt),
    params:
        cfg=lambda wildcards: comparison(wildcards).to_json(),
        code=fingerprint("compare_stages.py"),
    script:
        "../workflow/scripts/compare_stages.py"


# From here on no network runs.
rule diagnose_teacher:
    input:
        dataset=DATASET,
        test_logits=[f"{RESULTS}/teachers/{{teacher}}/test_logits.npy"],
    output:
        diagnosis=f"{RESULTS}/teachers/{{teacher}}/diagnosis.json",
    log:
        f"{RESULTS}/logs/diagnose_teacher/{{teacher}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose_teacher/{{teacher}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        runtime=lambda wildcards, input, attempt: minutes(1, input, attempt),
    params:
        cfg=lambda wildcards: teacher_diagnosis(wildcards).to_json(),
        code=fingerprint("diagnose.py"),
    script:
        "../workflow/scripts/diagnose.py"


use rule diagnose_teacher as diagnose_alone with:
    input:
        dataset=DATASET,
        test_logits=of_seeds(f"{RESULTS}/alone/{{student}}", "test_logits"),
    output:
        diagnosis=f"{RESULTS}/alone/{{student}}/diagnosis.json",
    log:
        f"{RESULTS}/logs/diagnose_alone/{{student}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose_alone/{{student}}.tsv"
    params:
        cfg=lambda wildcards: alone_diagnosis(wildcards).to_json(),
        code=fingerprint("diagnose.py"),


use rule diagnose_teacher as diagnose_distilled with:
    input:
        unpack(diagnosed_students),
    output:
        diagnosis=f"{TAUGHT}/diagnosis.json",
    log:
        f"{RESULTS}/logs/diagnose_distilled/{{teacher}}/{{student}}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose_distilled/{{teacher}}/{{student}}/{{method}}.tsv"
    params:
        cfg=lambda wildcards: distilled_diagnosis(wildcards).to_json(),
        code=fingerprint("diagnose.py"),


rule build_diagnoses:
    input:
        dataset=DATASET,
        metrics=CELLS.values(),
        diagnoses=[f"{cell}/diagnosis.json" for cell in CELLS],
    output:
        pages=PAGES,
    log:
        f"{RESULTS}/logs/build_diagnoses.log",
    conda:
        CONDA
    params:
        cfg=json.dumps({"report": f"{RESULTS}/report.html"}),
        code=fingerprint("build_diagnoses.py", texts=DIAGNOSIS_TEXTS),
    script:
        "../workflow/scripts/build_diagnoses.py"
