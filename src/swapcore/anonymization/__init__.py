"""Photographs whose faces become those of people who do not exist, or are blurred, and never stay; and the proof of it."""
