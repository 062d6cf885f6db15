"""Truth benchmark: any swap function compared with true swaps of rendered people."""
