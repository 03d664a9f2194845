"""Whole runs, against the simulated API over HTTP and a real warehouse."""
