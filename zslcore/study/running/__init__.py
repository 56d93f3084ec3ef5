"""Running the study without a person: notebooks with checked parameters, and what Snakemake needs."""
