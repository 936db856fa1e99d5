rule download_data:
    output:
        f"{DOWNLOADS}/{study.dataset.name}/{{file}}",
    log:
        f"{RESULTS}/logs/download_data/{{file}}.log",
    conda:
        CONDA
    params:
        cfg=lambda wildcards: jobs.download_job(study, wildcards.file).to_json(),
        code=fingerprint("download_data.py"),
    script:
        "../workflow/scripts/download_data.py"


rule prepare_data:
    input:
        [f"{DOWNLOADS}/{study.dataset.name}/{file}" for file in study.dataset.files],
    output:
        dataset=DATASET,
        summary=f"{RESULTS}/data/summary.json",
    log:
        f"{RESULTS}/logs/prepare_data.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_data.tsv"
    conda:
        CONDA
    params:
        cfg=data_job.to_json(),
        code=fingerprint("prepare_data.py", [catalog.datasets()[study.dataset.name].module]),
        downloads=f"{DOWNLOADS}/{study.dataset.name}",
    script:
        "../workflow/scripts/prepare_data.py"
