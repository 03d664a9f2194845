"""Settlement as a whole, over random lives: by its rules alone, and through HTTP and DuckDB."""
