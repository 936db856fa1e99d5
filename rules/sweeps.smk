# Values of a method that are tried, of which the best are taken by the students of that method.


# On a cluster these are made where Snakemake runs: they take seconds.
localrules:
    halve_trials,
    choose_values,
    draw_sweep,


use rule train_teacher as try_values with:
    input:
        unpack(trial_files),
    output:
        metrics=f"{SWEPT}/{{trial}}/{{seed}}/metrics.json",
        history=f"{SWEPT}/{{trial}}/{{seed}}/history.csv",
    log:
        f"{RESULTS}/logs/try_values/{{teacher}}/{{student}}/{{method}}/{{trial}}/{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/try_values/{{teacher}}/{{student}}/{{method}}/{{trial}}/{{seed}}.tsv"
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(trial_job(wildcards).epochs, input, attempt),
    params:
        cfg=lambda wildcards: trial_job(wildcards).to_json(),
        code=lambda wildcards: training_code(trial_job(wildcards)),


# Where trials are halved: which of them go on for longer.
checkpoint halve_trials:
    input:
        metrics=lambda wildcards: rung_metrics(wildcards, int(wildcards.rung)),
        before=lambda wildcards: rungs_before(wildcards, int(wildcards.rung)),
    output:
        rung=f"{SWEPT}/rungs/{{rung}}.json",
    log:
        f"{RESULTS}/logs/halve_trials/{{teacher}}/{{student}}/{{method}}/{{rung}}.log",
    conda:
        CONDA
    params:
        cfg=lambda wildcards: rung_cfg(wildcards, int(wildcards.rung)),
        code=fingerprint("choose.py"),
    script:
        "../workflow/scripts/choose.py"


# A checkpoint, because Snakemake then looks again at what is chosen: where that is what it was before, the
# students that were trained with it stay.
checkpoint choose_values:
    input:
        metrics=lambda wildcards: rung_metrics(wildcards, last_rung(wildcards)),
        before=lambda wildcards: rungs_before(wildcards, last_rung(wildcards)),
    output:
        chosen=f"{SWEPT}/chosen.json",
        trials=f"{SWEPT}/trials.csv",
    log:
        f"{RESULTS}/logs/choose_values/{{teacher}}/{{student}}/{{method}}.log",
    conda:
        CONDA
    params:
        cfg=lambda wildcards: rung_cfg(wildcards, last_rung(wildcards)),
        code=fingerprint("choose.py"),
    script:
        "../workflow/scripts/choose.py"


rule draw_sweep:
    input:
        trials=lambda wildcards: [
            f"{RESULTS}/sweeps/{teacher}/{student}/{wildcards.method}/trials.csv"
            for teacher, student in study.pairs_of(wildcards.method)
        ],
    output:
        png=f"{RESULTS}/plots/sweeps/{{method}}.png",
        svg=report(
            f"{RESULTS}/plots/sweeps/{{method}}.svg",
            caption="../workflow/report/sweep.rst",
            category="Figures",
            labels={"figure": "sweep {method}"},
        ),
    log:
        f"{RESULTS}/logs/draw_sweep/{{method}}.log",
    conda:
        CONDA
    params:
        cfg=lambda wildcards: json.dumps(jobs.sweep_plot_job(study, wildcards.method)),
        code=fingerprint("draw_sweep.py"),
    script:
        "../workflow/scripts/draw_sweep.py"
