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
        runtime=lambda wildcards, input, attempt: minutes(teacher_job(wildcards).epochs, input, attempt),
    params:
        cfg=lambda wildcards: teacher_job(wildcards).to_json(),
        code=lambda wildcards: training_code(teacher_job(wildcards)),
    script:
        "../workflow/scripts/train.py"


# The table itself is no declared output: it grows when seeds are added, which is no reason to train the
# students of other seeds again. What a job adds to it is declared by a note of its own.
rule cache_targets:
    input:
        dataset=DATASET,
        teacher_model=rules.train_teacher.output.model,
    output:
        note=f"{RESULTS}/targets/{{teacher}}/{{seed}}/{{epochs}}.json",
    log:
        f"{RESULTS}/logs/cache_targets/{{teacher}}/{{seed}}/{{epochs}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cache_targets/{{teacher}}/{{seed}}/{{epochs}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(int(wildcards.epochs), input, attempt),
    params:
        cfg=lambda wildcards: TargetsJob(seed=wildcards.seed, epochs=wildcards.epochs).to_json(),
        code=fingerprint("cache_targets.py"),
        table_folder=f"{RESULTS}/targets/{{teacher}}/table",
    script:
        "../workflow/scripts/cache_targets.py"


# The files of teachers that are not trained are named as those of one that is.
ruleorder: combine_teachers > take_teacher > take_logits > train_teacher
ruleorder: take_targets > cache_targets


rule combine_teachers:
    input:
        dataset=DATASET,
        members=lambda wildcards: [
            f"{RESULTS}/teachers/{member}/model.safetensors"
            for member in study.networks_of(wildcards.ensemble)
        ],
    output:
        **without_history(f"{RESULTS}/teachers/{{ensemble}}"),
    log:
        f"{RESULTS}/logs/combine_teachers/{{ensemble}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/combine_teachers/{{ensemble}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(1, input, attempt),
    params:
        cfg=lambda wildcards: ensemble_job(wildcards).to_json(),
        code=fingerprint("combine_teachers.py"),
    script:
        "../workflow/scripts/combine_teachers.py"


# The user's file is no input: moved to another place, it is the same by its digest, which is in cfg.
rule take_teacher:
    input:
        dataset=DATASET,
    output:
        **without_history(f"{RESULTS}/teachers/{{external}}"),
    log:
        f"{RESULTS}/logs/take_teacher/{{external}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/take_teacher/{{external}}.tsv"
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(1, input, attempt),
    params:
        cfg=lambda wildcards: external_jobs[wildcards.external].to_json(),
        code=external_code,
    script:
        "../workflow/scripts/take_teacher.py"


# Of such a teacher there is no network; its folder says how well it does.
rule take_logits:
    input:
        dataset=DATASET,
    output:
        metrics=f"{RESULTS}/teachers/{{stored}}/metrics.json",
        test_logits=f"{RESULTS}/teachers/{{stored}}/test_logits.npy",
    log:
        f"{RESULTS}/logs/take_logits/{{stored}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/take_logits/{{stored}}.tsv"
    conda:
        CONDA
    params:
        cfg=lambda wildcards: stored_jobs[wildcards.stored].to_json(),
        code=fingerprint("take_logits.py"),
    script:
        "../workflow/scripts/take_logits.py"


rule take_targets:
    input:
        dataset=DATASET,
    output:
        note=f"{RESULTS}/targets/{{stored}}/{{seed}}/{{epochs}}.json",
    log:
        f"{RESULTS}/logs/take_targets/{{stored}}/{{seed}}/{{epochs}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/take_targets/{{stored}}/{{seed}}/{{epochs}}.tsv"
    conda:
        CONDA
    params:
        cfg=lambda wildcards: stored_targets_job(wildcards).to_json(),
        code=fingerprint("take_targets.py"),
        table_folder=f"{RESULTS}/targets/{{stored}}/table",
    script:
        "../workflow/scripts/take_targets.py"
