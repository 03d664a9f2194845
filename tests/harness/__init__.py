"""What lives a morning for every suite: a simulated API, a data folder, a run between them, and the truth beside it."""
