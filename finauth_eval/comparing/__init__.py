"""What two runs say against each other: which samples they share, and how every figure differs."""
