"""Whatever goes wrong on the wire, the warehouse is exactly true: the real ingestion, over HTTP, into a real file."""
