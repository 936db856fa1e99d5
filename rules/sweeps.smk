# Values of a method that are tried, of which the best are taken by the students of that method.
from kd.plan.training import plot_job, rung_job


use rule train_teacher as run_trial with:
    input:
        unpack(from_wildcards(plan.trial_inputs)),
    output:
        **layout.trial.seed().files("metrics", "history"),
    log:
        layout.log("run_trial/{teacher}/{student}/{method}/{trial}/{seed}"),
    benchmark:
        layout.benchmark("run_trial/{teacher}/{student}/{method}/{trial}/{seed}")
    priority: priority(2, plan.trial_job)
    resources:
        **on_gpu(plan.trial_job, cores.ranks),
    params:
        **job_params("train.py", plan.trial_job),


# Where trials are halved: which of them go on for longer. On a cluster this and what follows is made where Snakemake
# runs: it takes seconds.
checkpoint halve_trials:
    input:
        metrics=from_wildcards(plan.rung_metrics),
        before=from_wildcards(plan.rungs_before),
    output:
        rung=layout.rung(),
    log:
        layout.log("halve_trials/{teacher}/{student}/{method}/{rung}"),
    localrule: True
    conda:
        CONDA
    params:
        cfg=lambda wildcards: json.dumps(from_wildcards(rung_job)(wildcards)),
        code=fingerprint("select_trials.py"),
    script:
        "../workflow/scripts/select_trials.py"


# A checkpoint, because Snakemake then looks again at what is chosen: where that is what it was before, the
# students that were trained with it stay.
checkpoint select_values:
    input:
        metrics=from_wildcards(plan.rung_metrics),
        before=from_wildcards(plan.rungs_before),
    output:
        **layout.sweep.files("chosen", "trials"),
    log:
        layout.log("select_values/{teacher}/{student}/{method}"),
    localrule: True
    conda:
        CONDA
    params:
        cfg=lambda wildcards: json.dumps(from_wildcards(rung_job)(wildcards)),
        code=fingerprint("select_trials.py"),
    script:
        "../workflow/scripts/select_trials.py"


rule draw_sweep:
    input:
        trials=from_wildcards(plan.sweep_tables),
    output:
        png=layout.figure("sweeps/{method}", "png"),
        svg=reported_figure("sweep", layout.figure("sweeps/{method}", "svg"), "sweep {method}"),
        narrow=layout.figure("sweeps/narrow/{method}", "svg"),
    log:
        layout.log("draw_sweep/{method}"),
    localrule: True
    conda:
        CONDA
    params:
        cfg=lambda wildcards: json.dumps(from_wildcards(plot_job)(wildcards)),
        code=fingerprint("draw_sweep.py"),
    script:
        "../workflow/scripts/draw_sweep.py"
