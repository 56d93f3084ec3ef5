"""From run folders to tables of results, comparisons of methods, and files of tables and figures."""
