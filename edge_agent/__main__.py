"""`python -P -m edge_agent` is `tillbeam-edge`."""

from edge_agent.cli import main

main()
