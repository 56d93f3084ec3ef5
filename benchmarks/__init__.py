"""The benchmarks of ``make bench``: our times, compared with a plain implementation and with a floor of the machine."""
