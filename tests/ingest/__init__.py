"""The parts of a run, against the simulated API over HTTP and a real warehouse."""
