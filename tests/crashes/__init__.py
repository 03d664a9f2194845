"""Crashes, systematically: killed, torn and out of room at every point, and random lives against a naive replay."""
