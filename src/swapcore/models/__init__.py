"""The networks: generator, discriminator, and their blocks."""
