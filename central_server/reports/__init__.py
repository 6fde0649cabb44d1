"""Figures across the modules. Reads all of them and writes nothing."""
