"""The command line: a module for each command, named as it is, and beside them what takes more than a few lines."""
