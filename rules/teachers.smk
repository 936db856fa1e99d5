rule train_teacher:
    input:
        dataset=DATASET,
    output:
        **run_outputs(f"{RESULTS}/teachers/{{teacher}}"),
    log:
        f"{RESULTS}/logs/train_teacher/{{teacher}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_teacher/{{teacher}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
    params:
        cfg=lambda wildcards: teacher_job(wildcards).to_json(),
        code=lambda wildcards: training_code(teacher_job(wildcards)),
    script:
        "../workflow/scripts/train.py"


rule cache_targets:
    input:
        dataset=DATASET,
        teacher_model=rules.train_teacher.output.model,
    output:
        targets=f"{RESULTS}/targets/{{teacher}}/targets.npy",
    log:
        f"{RESULTS}/logs/cache_targets/{{teacher}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cache_targets/{{teacher}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
    params:
        cfg=lambda wildcards: jobs.targets_job(study, wildcards.teacher).to_json(),
        code=fingerprint("cache_targets.py"),
    script:
        "../workflow/scripts/cache_targets.py"
