# On a cluster it is done where Snakemake runs: other nodes may not reach the net.
localrules:
    download_data,


rule download_data:
    output:
        f"{DOWNLOADS}/{study.dataset.name}/{{file}}",
    log:
        f"{RESULTS}/logs/download_data/{{file}}.log",
    conda:
        CONDA
    params:
        # Neither the address nor the code: whatever fetched it, the checksum says what it is.
        cfg=lambda wildcards: json.dumps({"sha256": study.dataset.files[wildcards.file]}),
    script:
        "../workflow/scripts/download_data.py"


rule prepare_data:
    input:
        # Fetched again it is the same, by its checksum, which is in cfg.
        [ancient(f"{DOWNLOADS}/{study.dataset.name}/{file}") for file in study.dataset.files],
    output:
        dataset=DATASET,
        summary=DATA_SUMMARY,
        samples=report(SAMPLES, caption="../workflow/report/samples.rst", category="Data"),
    log:
        f"{RESULTS}/logs/prepare_data.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_data.tsv"
    conda:
        CONDA
    params:
        cfg=data_job.to_json(),
        code=fingerprint("prepare_data.py", (catalog.datasets()[study.dataset.name].module,)),
        downloads=f"{DOWNLOADS}/{study.dataset.name}",
    script:
        "../workflow/scripts/prepare_data.py"
