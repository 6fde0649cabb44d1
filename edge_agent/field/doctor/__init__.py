"""`tillbeam-edge doctor`: one check a function, each of which may fail, hang or break without the others."""
