"""The command line, as the processes its users start."""
