"""What students cost where they are used, and the folders with which they go there."""

from kd.shipping import plan

LATENCY = f"{RESULTS}/latency.json"
MEASURED = plan.measured(study)
ALL_CORES = workflow.resource_settings.cores or 1  # for what would measure other jobs as well


rule measure_latency:
    input:
        data=DATA_SUMMARY,
    output:
        latency=LATENCY,
    log:
        f"{RESULTS}/logs/measure_latency.log",
    conda:
        CONDA
    threads: ALL_CORES
    params:
        cfg=json.dumps({"networks": MEASURED}, sort_keys=True),
        code=fingerprint("measure_latency.py", plan.modules(MEASURED)),
    script:
        "../workflow/scripts/measure_latency.py"
