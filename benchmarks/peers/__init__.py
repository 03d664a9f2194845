"""One piece of work, done by this pipeline and by others, against one server: ``python -m benchmarks.peers``."""
