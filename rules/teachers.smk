from kd.plan.teachers import ensemble_job, targets_job
from kd.plan.training import teacher_job


rule train_teacher:
    input:
        dataset=layout.dataset,
    output:
        **run_outputs(layout.teacher()),
    log:
        layout.log("train_teacher/{teacher}"),
    benchmark:
        layout.benchmark("train_teacher/{teacher}")
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=minutes(teacher_job),
    params:
        **job_params("train.py", teacher_job),
    script:
        "../workflow/scripts/train.py"


# The table itself is no declared output: it grows when seeds are added, which is no reason to train the
# students of other seeds again. What a job adds to it is declared by a note of its own.
rule cache_targets:
    input:
        dataset=layout.dataset,
        teacher_model=rules.train_teacher.output.model,
    output:
        note=layout.targets(),
    log:
        layout.log("cache_targets/{teacher}/{seed}/{epochs}"),
    benchmark:
        layout.benchmark("cache_targets/{teacher}/{seed}/{epochs}")
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=minutes(targets_job),
    params:
        **job_params("cache_targets.py", targets_job),
        table_folder=layout.targets_table(),
    script:
        "../workflow/scripts/cache_targets.py"


# The files of teachers that are not trained are named as those of one that is.
ruleorder: combine_teachers > take_teacher > take_logits > train_teacher
ruleorder: take_targets > cache_targets


rule combine_teachers:
    input:
        dataset=layout.dataset,
        members=from_wildcards(plan.ensemble_members),
    output:
        **layout.teacher("{ensemble}").files("model", "metrics", "test_logits"),
    log:
        layout.log("combine_teachers/{ensemble}"),
    benchmark:
        layout.benchmark("combine_teachers/{ensemble}")
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=minutes(1),
    params:
        **job_params("combine_teachers.py", ensemble_job),
    script:
        "../workflow/scripts/combine_teachers.py"


# The user's file is no input: moved to another place, it is the same by its digest, which is in cfg.
rule take_teacher:
    input:
        dataset=layout.dataset,
    output:
        **layout.teacher("{external}").files("model", "metrics", "test_logits"),
    log:
        layout.log("take_teacher/{external}"),
    benchmark:
        layout.benchmark("take_teacher/{external}")
    conda:
        CONDA
    threads: THREADS
    resources:
        gpu=GPU,
        runtime=minutes(1),
    params:
        **job_params("take_teacher.py", plan.external_job),
    script:
        "../workflow/scripts/take_teacher.py"


# Of such a teacher there is no network; its folder says how well it does.
rule take_logits:
    input:
        dataset=layout.dataset,
    output:
        **layout.teacher("{stored}").files("metrics", "test_logits"),
    log:
        layout.log("take_logits/{stored}"),
    benchmark:
        layout.benchmark("take_logits/{stored}")
    conda:
        CONDA
    params:
        **job_params("take_logits.py", plan.logits_job),
    script:
        "../workflow/scripts/take_logits.py"


rule take_targets:
    input:
        dataset=layout.dataset,
    output:
        note=layout.targets("{stored}"),
    log:
        layout.log("take_targets/{stored}/{seed}/{epochs}"),
    benchmark:
        layout.benchmark("take_targets/{stored}/{seed}/{epochs}")
    conda:
        CONDA
    params:
        **job_params("take_targets.py", plan.logits_targets_job),
        table_folder=layout.targets_table("{stored}"),
    script:
        "../workflow/scripts/take_targets.py"
