"""Measurements. Each prints one last line of JSON; limits are measured in the same run."""
