"""Tillbeam on one machine: centre, broker, one store, simulated devices on real pseudo-terminals."""
