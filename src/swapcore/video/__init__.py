"""Face swaps in videos."""
