"""What the service is worth, measured: `make bench-serving` and `make chaos-serving`."""
