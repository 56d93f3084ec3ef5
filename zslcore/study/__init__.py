"""What the notebooks and the grid need: tables, figures on disk, running a notebook."""
