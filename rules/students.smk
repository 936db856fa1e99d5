use rule train_teacher as train_student_alone with:
    output:
        **run_outputs(f"{RESULTS}/alone/{{student}}/{{seed}}"),
    log:
        f"{RESULTS}/logs/train_student_alone/{{student}}/{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_student_alone/{{student}}/{{seed}}.tsv"
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(alone_job(wildcards).epochs, input, attempt),
    params:
        cfg=lambda wildcards: alone_job(wildcards).to_json(),
        code=lambda wildcards: training_code(alone_job(wildcards)),


use rule train_teacher as distill_student with:
    input:
        unpack(student_files),
    output:
        **run_outputs(f"{RESULTS}/distilled/{{teacher}}/{{student}}/{{method}}/{{seed}}"),
    log:
        f"{RESULTS}/logs/distill_student/{{teacher}}/{{student}}/{{method}}/{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/distill_student/{{teacher}}/{{student}}/{{method}}/{{seed}}.tsv"
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(distill_job(wildcards).epochs, input, attempt),
    params:
        cfg=lambda wildcards: distill_job(wildcards).to_json(),
        code=lambda wildcards: training_code(distill_job(wildcards)),


# Networks between a teacher and a student.
use rule train_teacher as distill_link with:
    input:
        unpack(link_files),
    output:
        **run_outputs(f"{RESULTS}/chains/{{teacher}}/{{method}}/{{chain}}/{{seed}}"),
    log:
        f"{RESULTS}/logs/distill_link/{{teacher}}/{{method}}/{{chain}}/{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/distill_link/{{teacher}}/{{method}}/{{chain}}/{{seed}}.tsv"
    resources:
        gpu=GPU,
        runtime=lambda wildcards, input, attempt: minutes(link_job(wildcards).epochs, input, attempt),
    params:
        cfg=lambda wildcards: link_job(wildcards).to_json(),
        code=lambda wildcards: training_code(link_job(wildcards)),
