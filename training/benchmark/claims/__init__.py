"""What the benchmark claims, a claim a function, each computed from results alone."""
