from kd.plan.training import baseline_job, distill_job, intermediate_job


use rule train_teacher as train_baseline with:
    output:
        **run_outputs(layout.baseline.seed()),
    log:
        layout.log("train_baseline/{student}/{seed}"),
    benchmark:
        layout.benchmark("train_baseline/{student}/{seed}")
    priority: priority(1, baseline_job)
    resources:
        **on_gpu(baseline_job, cores.ranks),
    params:
        **job_params("train.py", baseline_job),


use rule train_teacher as distill_student with:
    input:
        unpack(from_wildcards(plan.student_inputs)),
    output:
        **run_outputs(layout.distilled.seed()),
    log:
        layout.log("distill_student/{teacher}/{student}/{method}/{seed}"),
    benchmark:
        layout.benchmark("distill_student/{teacher}/{student}/{method}/{seed}")
    priority: student_priority(distill_job)
    threads: student_cores
    resources:
        **on_gpu(distill_job, cores.ranks),
    params:
        **job_params("train.py", distill_job),


# Networks between a teacher and a student.
use rule train_teacher as distill_intermediate with:
    input:
        unpack(from_wildcards(plan.intermediate_inputs)),
    output:
        **run_outputs(layout.intermediate.seed()),
    log:
        layout.log("distill_intermediate/{teacher}/{method}/{chain}/{seed}"),
    benchmark:
        layout.benchmark("distill_intermediate/{teacher}/{method}/{chain}/{seed}")
    priority: priority(2, intermediate_job)
    resources:
        **on_gpu(intermediate_job, cores.ranks),
    params:
        **job_params("train.py", intermediate_job),
