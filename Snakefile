# The study as a graph: data -> frozen features -> runs, one job per method -> notebooks -> a book.
#
#   make study                                    SYNTH, 3 seeds, 2 cores
#   make study DATASET=CUB100 SEEDS=5             with ZSLCORE_DATA set
#   make study DATASET=SYNTH,CUB100               several data sets
#   make study DATASET=CUB                        without settings of its own: the three methods that need no choice
#   snakemake --cores 2 --config dataset=SYNTH seeds=3 --dry-run
#   snakemake --workflow-profile profiles/slurm --config dataset=CUB seeds=5        on a cluster, see there
#
# Finished steps are not run again; delete a run folder to repeat it. After a change of the chosen settings, or of the
# tables of the data set, the runs are checked again, and those that do not fit are named.

import os

from snakemake.exceptions import WorkflowError
from zslcore._io.locations import DATASET_NAME, environment
from zslcore.errors import InputError
from zslcore.methods import BASELINES, METHODS, SAME_TARGETS, study_baselines, study_methods
from zslcore.study.running.snakemake_config import dataset_files, has_test_seen, settings_text, study_config
from zslcore.study.running.snakemake_lock import note_owner, remove_stale_lock

try:
    DATASETS, NUM_SEEDS, RUNS, REPORT = study_config(config)
    FOLDERS = environment()
except InputError as error:
    raise WorkflowError(str(error)) from None
CORES = workflow.resource_settings.cores  # None on a cluster
if CORES is not None and CORES < 1:  # Snakemake would wait for ever
    raise WorkflowError(f"--cores must be a whole number of at least 1, or all, got {CORES}")

SEEDS = range(NUM_SEEDS)
PAGES = ["00_quickstart", "01_data", "02_imbalance", "03_theory", "04_train", "06_ablations", "07_figures"]
ABOUT_DATA = ["01_data", "02_imbalance", "04_train", "06_ablations", "07_figures"]  # pages with the parameter "dataset"
COMPARING_ERRORS = ["02_imbalance", "07_figures"]  # pages that need the errors of all methods on seen classes too
DRAWING = ["02_imbalance", "07_figures"]  # the pages whose figures are kept beside the tables

# absolute, because the notebooks work in other directories
os.environ.update(FOLDERS | {"ZSLCORE_RUNS": str(RUNS.absolute())})

# sums over threads depend on their number: one thread a process, so that every machine computes the same
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

remove_stale_lock()  # of a study that was killed


onstart:
    note_owner()


wildcard_constraints:
    dataset=DATASET_NAME,


localrules:  # seconds each: not worth a job on a cluster
    all,
    book,


rule all:
    input:
        expand(REPORT / "{dataset}" / "book" / "index.html", dataset=DATASETS),


# The data set is checked as a whole before anything is computed on it; SYNTH is generated here.
rule features:
    input:
        lambda wildcards: dataset_files(wildcards.dataset),
    output:
        RUNS / "{dataset}" / "features.ok",
    params:
        settings=lambda wildcards: settings_text(wildcards.dataset),
    threads: 8  # one computes, the others decode images; fewer where --cores says so
    shell:
        "zslcore check {wildcards.dataset} && zslcore features {wildcards.dataset} && touch {output:q}"


# One process for all seeds of a method: starting Python takes longer than a training on frozen features. Finished runs
# are only read, so they are not removed before the job ("update"). The mark (.ok) is written only if the job succeeds.
rule train:
    input:
        rules.features.output,
    output:
        touch(RUNS / "{dataset}" / "{method}.ok"),
        update(expand(RUNS / "{{dataset}}" / "{{method}}-seed{seed}" / "metrics.json", seed=SEEDS)),
    wildcard_constraints:
        method="|".join(METHODS),
    params:
        seeds=len(SEEDS),
        settings=lambda wildcards: settings_text(wildcards.dataset, wildcards.method),
    shell:
        "zslcore train --dataset {wildcards.dataset} --method {wildcards.method} --seeds {params.seeds}"


# the baselines, which need no seed
rule solve:
    input:
        rules.features.output,
    output:
        touch(RUNS / "{dataset}" / "{method}.ok"),
        update(RUNS / "{dataset}" / "{method}-seed0" / "metrics.json"),
    wildcard_constraints:
        method="|".join(BASELINES),
    params:
        settings=lambda wildcards: settings_text(wildcards.dataset, wildcards.method),
    shell:
        "zslcore train --dataset {wildcards.dataset} --method {wildcards.method}"


def finished_runs(wildcards):
    """Runs of the methods with every seed, and of the baselines, which need no seed, with seed 0."""
    dataset = wildcards.dataset
    runs = expand(rules.train.output, dataset=dataset, method=study_methods(dataset))
    return runs + expand(rules.solve.output, dataset=dataset, method=study_baselines(dataset))


def page_parameters(wildcards):
    """-p options of a page; a notebook runs in its own folder, so a folder given to it must be absolute."""
    options = ["-p", "dataset", wildcards.dataset] if wildcards.page in ABOUT_DATA else []
    if wildcards.page in DRAWING:
        options += ["-p", "output", str((REPORT / wildcards.dataset).resolve())]
    return options


# 02 reads the runs of seed 0, one per method, and 04 shows that of ReMSE
rule page:
    input:
        finished_runs,
    output:
        REPORT / "{dataset}" / "{page}.ipynb",
    wildcard_constraints:
        page="|".join(PAGES),
    params:
        options=page_parameters,
    shell:
        "zslcore run {wildcards.page} {params.options:q} --output {output:q}"


rule results:
    input:
        finished_runs,
    output:
        REPORT / "{dataset}" / "05_results.ipynb",
        REPORT / "{dataset}" / "results.csv",
    params:
        folder=lambda wildcards: (REPORT / wildcards.dataset).resolve(),
        seeds=len(SEEDS),
    shell:
        "zslcore run 05_results -p dataset {wildcards.dataset} -p seeds {params.seeds} -p output {params.folder:q}"
        " --output {output[0]:q}"


def book_pages(wildcards):
    """All pages; 06_ablations on SYNTH alone, because its trainings take a minute there and much longer elsewhere."""
    left_out = [] if wildcards.dataset == "SYNTH" else ["06_ablations"]
    if not has_test_seen(wildcards.dataset) or not set(SAME_TARGETS) <= set(study_methods(wildcards.dataset)):
        left_out += COMPARING_ERRORS
    pages = [page for page in PAGES if page not in left_out]
    return expand(REPORT / wildcards.dataset / "{page}.ipynb", page=[*pages, "05_results"])


rule book:
    input:
        book_pages,
    output:
        REPORT / "{dataset}" / "book" / "index.html",
    params:
        folder=lambda wildcards: REPORT / wildcards.dataset,
    shell:
        "zslcore book {params.folder:q}"
