"""Files, locks, downloads, progress and processes: plumbing that the rest of the package uses."""
