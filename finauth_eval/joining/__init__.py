"""Two tables of many Parquet files each, read for a comparison: on this machine, or joined on the workers of a cluster."""
