"""The marts as analysts meet them: rollups, reconciliation, macros, comments, clients."""
