"""Numbers and names as people read them, in a terminal, a notebook or a report. Knows neither templates nor plots."""
