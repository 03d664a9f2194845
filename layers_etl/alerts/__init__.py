"""Telling people: what of the published file and of a run's end is news, and the webhook that takes it."""
