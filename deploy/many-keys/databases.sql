-- Beside Dagster's own database, which the image makes: the catalog of the lake, a schema for each key.
CREATE DATABASE lake;
