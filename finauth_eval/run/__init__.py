"""Dataset in, score table out. Network, disk and time live only here."""
