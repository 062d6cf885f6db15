"""The losses of the method, a file each."""
