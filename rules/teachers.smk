from kd.plan.teachers import ensemble_job, targets_job
from kd.plan.training import teacher_job


rule train_teacher:
    input:
        dataset=layout.dataset,
    output:
        **run_outputs(layout.teacher),
    log:
        layout.log("train_teacher/{teacher}"),
    benchmark:
        layout.benchmark("train_teacher/{teacher}")
    priority: priority(3, teacher_job)
    conda:
        CONDA
    threads: cores.of_one
    resources:
        **on_gpu(teacher_job, cores.ranks),
    params:
        **job_params("train.py", teacher_job),
    script:
        "../workflow/scripts/train.py"


# The store itself is no declared output: it grows when seeds are added, which is no reason to train the
# students of other seeds again. What a job needs of it is declared by a note of its own.
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
    priority: priority(2, targets_job)
    conda:
        CONDA
    threads: cores.of_one * cores.at_once
    resources:
        **on_gpu(targets_job, cores.ranks),
    params:
        **job_params("cache_targets.py", targets_job),
        table_folder=layout.targets_table(),
    script:
        "../workflow/scripts/cache_targets.py"


# The files of teachers that are not trained are named as those of one that is.
ruleorder: build_ensemble > import_weights > import_logits > train_teacher
ruleorder: import_targets > cache_targets


rule build_ensemble:
    input:
        dataset=layout.dataset,
        members=from_wildcards(plan.ensemble_members),
    output:
        **layout.teacher("{ensemble}").files("model", "metrics", "validation_logits", "test_logits"),
    log:
        layout.log("build_ensemble/{ensemble}"),
    benchmark:
        layout.benchmark("build_ensemble/{ensemble}")
    priority: priority(3)
    conda:
        CONDA
    threads: cores.threads
    resources:
        **on_gpu(1),
    params:
        **job_params("build_ensemble.py", ensemble_job),
    script:
        "../workflow/scripts/build_ensemble.py"


# The user's file is no input: moved to another place, it is the same by its digest, which is in cfg.
rule import_weights:
    input:
        dataset=layout.dataset,
    output:
        **layout.teacher("{external}").files("model", "metrics", "validation_logits", "test_logits"),
    log:
        layout.log("import_weights/{external}"),
    benchmark:
        layout.benchmark("import_weights/{external}")
    priority: priority(3)
    conda:
        CONDA
    threads: cores.threads
    resources:
        **on_gpu(1),
    params:
        **job_params("import_weights.py", lambda external: plan.externals[external]),
    script:
        "../workflow/scripts/import_weights.py"


# Of such a teacher there is no network; its folder says how well it does.
rule import_logits:
    input:
        dataset=layout.dataset,
    output:
        **layout.teacher("{logits_teacher}").files("metrics", "validation_logits", "test_logits"),
    log:
        layout.log("import_logits/{logits_teacher}"),
    benchmark:
        layout.benchmark("import_logits/{logits_teacher}")
    conda:
        CONDA
    params:
        **job_params("import_logits.py", lambda logits_teacher: plan.logits[logits_teacher]),
    script:
        "../workflow/scripts/import_logits.py"


rule import_targets:
    input:
        dataset=layout.dataset,
    output:
        note=layout.targets("{logits_teacher}"),
    log:
        layout.log("import_targets/{logits_teacher}/{seed}/{epochs}"),
    benchmark:
        layout.benchmark("import_targets/{logits_teacher}/{seed}/{epochs}")
    conda:
        CONDA
    params:
        **job_params("import_targets.py", plan.logits_targets_job),
        table_folder=layout.targets_table("{logits_teacher}"),
    script:
        "../workflow/scripts/import_targets.py"
