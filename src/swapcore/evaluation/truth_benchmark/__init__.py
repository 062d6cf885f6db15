"""The truth benchmark: frozen people who do not exist, on whom any swap function is compared with the true swap."""
