"""The warehouse, in real DuckDB files, against naive models and real processes."""
