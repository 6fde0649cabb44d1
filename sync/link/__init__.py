"""The wire between a store and the centre: MQTT for real, memory with faults on demand for tests."""
