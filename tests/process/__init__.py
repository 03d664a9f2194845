"""What ended a process, from whatever errors it came wrapped in."""
