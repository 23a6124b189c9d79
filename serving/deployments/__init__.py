"""What runs in replicas; `serving.graph` puts them together."""
