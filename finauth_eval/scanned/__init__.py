"""Reading Parquet part by part: which files, which rows of them at once, and how a batch is counted."""
