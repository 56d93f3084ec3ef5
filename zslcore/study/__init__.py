"""The study: experiments, what the notebooks show, tables, pages, and running all of it without a person."""
