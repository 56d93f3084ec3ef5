"""Headless runs of the study: notebooks with checked parameters, and what Snakemake needs."""
