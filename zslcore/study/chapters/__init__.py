"""The computations, figures, tables and sentences of each notebook, from 01_data to 07_figures."""
