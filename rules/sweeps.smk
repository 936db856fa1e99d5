# Values of a method that are tried, of which the best are taken by the students of that method.
from kd.plan.sweeps import last_rung, plot_job, rung_job


# On a cluster these are made where Snakemake runs: they take seconds.
localrules:
    halve_trials,
    select_values,
    draw_sweep,


use rule train_teacher as run_trial with:
    input:
        unpack(from_wildcards(plan.trial_inputs)),
    output:
        **layout.trial().seed().files("metrics", "history"),
    log:
        layout.log("run_trial/{teacher}/{student}/{method}/{trial}/{seed}"),
    benchmark:
        layout.benchmark("run_trial/{teacher}/{student}/{method}/{trial}/{seed}")
    resources:
        gpu=GPU,
        runtime=minutes(plan.trial_job),
    params:
        **job_params("train.py", plan.trial_job),


def at_last_rung(wildcards):
    """The wildcards of a sweep, with the number of its last rung, the only one where trials are not halved."""
    return {**wildcards, "rung": from_wildcards(last_rung)(wildcards)}


def rung_metrics(wildcards):
    """The metrics of the trials that are in a rung, those of a trial together."""
    names, rung = {name: wildcards[name] for name in ("teacher", "student", "method")}, int(wildcards["rung"])
    places = None
    if rung:
        before = checkpoints.halve_trials.get(**names, rung=rung - 1).output.rung
        places = json.loads(Path(before).read_text(encoding="utf-8"))["go_on"]
    return plan.rung_metrics(**names, rung=rung, places=places)


def rung_cfg(wildcards):
    return json.dumps(from_wildcards(rung_job)(wildcards))


# Where trials are halved: which of them go on for longer.
checkpoint halve_trials:
    input:
        metrics=rung_metrics,
        before=from_wildcards(plan.rungs_before),
    output:
        rung=layout.rung(),
    log:
        layout.log("halve_trials/{teacher}/{student}/{method}/{rung}"),
    conda:
        CONDA
    params:
        cfg=lambda wildcards: rung_cfg(wildcards),
        code=fingerprint("select_trials.py"),
    script:
        "../workflow/scripts/select_trials.py"


# A checkpoint, because Snakemake then looks again at what is chosen: where that is what it was before, the
# students that were trained with it stay.
checkpoint select_values:
    input:
        metrics=lambda wildcards: rung_metrics(at_last_rung(wildcards)),
        before=lambda wildcards: from_wildcards(plan.rungs_before)(at_last_rung(wildcards)),
    output:
        **layout.sweep().files("chosen", "trials"),
    log:
        layout.log("select_values/{teacher}/{student}/{method}"),
    conda:
        CONDA
    params:
        cfg=lambda wildcards: rung_cfg(at_last_rung(wildcards)),
        code=fingerprint("select_trials.py"),
    script:
        "../workflow/scripts/select_trials.py"


rule draw_sweep:
    input:
        trials=from_wildcards(plan.sweep_tables),
    output:
        png=layout.sweep_figure("png"),
        svg=report(
            layout.sweep_figure("svg"),
            caption="../workflow/report/sweep.rst",
            category="Figures",
            labels={"figure": "sweep {method}"},
        ),
    log:
        layout.log("draw_sweep/{method}"),
    conda:
        CONDA
    params:
        cfg=lambda wildcards: json.dumps(from_wildcards(plot_job)(wildcards)),
        code=fingerprint("draw_sweep.py"),
    script:
        "../workflow/scripts/draw_sweep.py"
