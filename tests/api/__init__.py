"""Tests of the client against real HTTP on loopback."""
