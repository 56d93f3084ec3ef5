# The study as a graph: data -> frozen features -> one run per method and seed -> pages of a report.
#
#   make study                                    SYNTH, 3 seeds, 2 cores
#   make study DATASET=CUB100 SEEDS=5             with ZSLCORE_DATA set
#   snakemake --cores 2 --config dataset=SYNTH seeds=3 --dry-run
#
# Finished steps are not run again; delete a run folder to repeat it.

import os
from pathlib import Path

DATASET = config.get("dataset", "SYNTH")
SEEDS = range(int(config.get("seeds", 3)))
METHODS = ["cross_entropy", "cross_entropy_tuned", "mse", "mse_matched", "remse"]  # zslcore.config.METHODS; a test keeps the two in step
RUNS = Path(config.get("runs", os.environ.get("ZSLCORE_RUNS", "runs")))
REPORT = Path(config.get("report", "report"))
PAGES = ["00_quickstart", "01_data", "02_imbalance", "03_theory"]

os.environ["ZSLCORE_RUNS"] = str(RUNS.resolve())  # where the notebooks look for and leave their runs

# sums over threads depend on their number: one thread a process, so that every machine computes the same
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"


rule all:
    input:
        REPORT / DATASET / "index.html",


# The data set is checked as a whole before anything is computed on it; SYNTH is generated here.
rule features:
    output:
        RUNS / DATASET / "features.ok",
    threads: workflow.cores  # one computes, the others decode images
    shell:
        "zslcore check {DATASET} && zslcore features {DATASET} && touch {output}"


rule run:
    input:
        rules.features.output,
    output:
        RUNS / DATASET / "{method}-seed{seed}" / "metrics.json",
        RUNS / DATASET / "{method}-seed{seed}" / "04_train.ipynb",
    wildcard_constraints:
        seed=r"\d+",
    shell:
        "zslcore run 04_train -p dataset {DATASET} -p method {wildcards.method} -p seed {wildcards.seed}"
        " --output {output[1]}"


def finished_runs(_):
    return expand(rules.run.output[0], method=METHODS, seed=SEEDS)


# 02 reads the runs of seed 0, one per method
rule page:
    input:
        finished_runs,
    output:
        REPORT / DATASET / "{page}.ipynb",
    wildcard_constraints:
        page="|".join(PAGES),
    params:
        dataset=lambda wildcards: "" if wildcards.page in ("00_quickstart", "03_theory") else f"-p dataset {DATASET}",
        output=lambda wildcards: f"-p output {(REPORT / DATASET).resolve()}" if wildcards.page == "02_imbalance" else "",
    shell:
        "zslcore run {wildcards.page} {params.dataset} {params.output} --output {output}"


rule results:
    input:
        finished_runs,
    output:
        REPORT / DATASET / "05_results.ipynb",
        REPORT / DATASET / "results.csv",
    params:
        folder=(REPORT / DATASET).resolve(),  # a notebook runs in its own folder, so the path must be absolute
        seeds=len(SEEDS),
    shell:
        "zslcore run 05_results -p dataset {DATASET} -p seeds {params.seeds} -p output {params.folder}"
        " --output {output[0]}"


rule html:
    input:
        REPORT / DATASET / "{page}.ipynb",
    output:
        REPORT / DATASET / "{page}.html",
    shell:
        "jupyter nbconvert --log-level WARN --to html {input}"


rule report:
    input:
        expand(REPORT / DATASET / "{page}.html", page=[*PAGES, "05_results"]),
    output:
        REPORT / DATASET / "index.html",
    shell:
        "zslcore report {REPORT}/{DATASET}"
