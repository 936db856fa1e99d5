RUNS = all_runs()
UNTRAINED = [f"{RESULTS}/teachers/{teacher}" for teacher in study.untrained]
METRICS = [f"{folder}/metrics.json" for folder in [*RUNS, *UNTRAINED]]
REPORT = json.dumps({"study": study.name, "runs": [*RUNS, *UNTRAINED]})  # their order is that of the rows
FIGURES = ["accuracy_parameters", "accuracy_latency", "gain", "heat_map", "learning_curves"]
# The template, style and script of the page, and its captions, which no import names.
PAGE_TEXTS = ("kd/report/study/page.html.jinja", "kd/report/study/report.css", "kd/report/study/report.js") + tuple(
    f"../report/{figure}.rst" for figure in (*FIGURES, "sweep")
)
SWEPT_FIGURES = expand(rules.draw_sweep.output.svg, method=study.sweeps)


# On a cluster these are made where Snakemake runs: they take seconds.
localrules:
    build_table,
    draw_plots,
    build_report,


rule build_table:
    input:
        metrics=METRICS,
        data=DATA_SUMMARY,
    output:
        csv=f"{RESULTS}/table.csv",
        markdown=f"{RESULTS}/table.md",
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
        latency=LATENCY,
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


rule build_report:
    input:
        table=rules.build_table.output.csv,
        metrics=METRICS,
        histories=[f"{folder}/history.csv" for folder in RUNS],
        figures=[*rules.draw_plots.output.svg, *SWEPT_FIGURES],
        data=DATA_SUMMARY,
        samples=SAMPLES,
        diagnoses=[f"{cell}/diagnosis.json" for cell in CELLS],
        # It leads to those that are there. Not `ancient`: Snakemake would then not look whether the report itself
        # has to be made anew, in a run that makes these.
        pages=rules.build_diagnoses.output.pages,
        latency=LATENCY,
    output:
        page=report(f"{RESULTS}/report.html", caption="../workflow/report/report.rst", category="Report"),
    log:
        f"{RESULTS}/logs/build_report.log",
    conda:
        CONDA
    params:
        cfg=REPORT,
        code=fingerprint("build_report.py", texts=PAGE_TEXTS),
    script:
        "../workflow/scripts/build_report.py"
