"""Face detection and 478 landmarks by MediaPipe's networks, run by torch."""
