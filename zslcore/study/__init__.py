"""The study: its experiments, what its notebooks show, its tables and pages, and headless runs of all of it."""
