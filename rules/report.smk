RUNS = all_runs()
UNTRAINED = [f"{RESULTS}/teachers/{teacher}" for teacher in study.untrained]
METRICS = [f"{folder}/metrics.json" for folder in [*RUNS, *UNTRAINED]]
REPORT = json.dumps({"study": study.name, "runs": [*RUNS, *UNTRAINED]})  # their order is that of the rows
FIGURES = ["learning_curves", "accuracy_parameters", "gain", "heat_map"]


# On a cluster these are made where Snakemake runs: they take seconds.
localrules:
    build_table,
    draw_plots,


rule build_table:
    input:
        metrics=METRICS,
        data=DATA_SUMMARY,
        samples=SAMPLES,
    output:
        csv=f"{RESULTS}/table.csv",
        markdown=f"{RESULTS}/table.md",
        html=report(f"{RESULTS}/table.html", caption="../workflow/report/table.rst", category="Table"),
    log:
        f"{RESULTS}/logs/build_table.log",
    conda:
        CONDA
    params:
        cfg=REPORT,
        code=fingerprint("build_table.py"),
    script:
        "../workflow/scripts/build_table.py"


rule draw_plots:
    input:
        table=rules.build_table.output.csv,
        metrics=[f"{folder}/metrics.json" for folder in RUNS],
        histories=[f"{folder}/history.csv" for folder in RUNS],
    output:
        png=[f"{RESULTS}/plots/{figure}.png" for figure in FIGURES],
        svg=[
            report(
                f"{RESULTS}/plots/{figure}.svg",
                caption=f"../workflow/report/{figure}.rst",
                category="Figures",
                labels={"figure": figure.replace("_", " ")},
            )
            for figure in FIGURES
        ],
    log:
        f"{RESULTS}/logs/draw_plots.log",
    conda:
        CONDA
    params:
        cfg=REPORT,
        code=fingerprint("draw_plots.py"),
    script:
        "../workflow/scripts/draw_plots.py"
