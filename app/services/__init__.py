"""What the service does, one verb or one noun a file: used by the HTTP edge, the command line and the actors."""
