"""Whole runs, morning after morning, against the simulated API over HTTP and a real warehouse."""
