"""One self-contained page about a run: figures with intervals, pictures, failures, lineage."""
