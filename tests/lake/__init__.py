"""Publishing to a lake: what differs, in one transaction, whatever goes wrong."""
