"""The documents that are held to the file: the data dictionary and the questions."""
