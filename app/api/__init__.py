"""The HTTP edge: one resource a file, thin over the services."""
