"""How good a space is: retrieval in eight directions, baselines, tables, plots and examples."""
