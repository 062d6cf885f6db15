"""A local web page for swaps and the last evaluation."""
