"""HTTP: one router a resource, and an application of them over any backend."""
