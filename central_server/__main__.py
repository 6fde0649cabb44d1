"""`python -P -m central_server` is `tillbeam-central`."""

from central_server.cli import main

main()
