"""What edge and centre agree on. Pure: no clock, no file, no socket, nothing else of ours."""
