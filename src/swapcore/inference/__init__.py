"""Face swaps in whole images."""
