"""Files, locks, downloads, progress bars and processes: helpers for the rest of the package."""
