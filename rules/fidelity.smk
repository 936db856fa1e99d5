# What the diagnoses need of networks that run: a teacher over the training images, and its students beside it.
from kd.plan.diagnosis import comparison


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
    threads: cores.threads
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
        cfg=lambda wildcards: plan.logits[wildcards.logits_teacher].to_json("sha256", "augmentation"),
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
    threads: cores.threads
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
    threads: cores.threads
    resources:
        **on_gpu(1),
    params:
        **job_params("compare_feature_maps.py", comparison),
    script:
        "../workflow/scripts/compare_feature_maps.py"
