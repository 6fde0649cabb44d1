"""Devices on the counter. A driver is a value; its decoder has no I/O in it; one pump serves them all."""
