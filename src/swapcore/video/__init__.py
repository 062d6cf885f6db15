"""Videos: one face replaced in every frame that shows it, steady over time; everything else passed through."""
