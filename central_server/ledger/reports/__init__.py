"""What finance, the law and partners ask of the books."""
