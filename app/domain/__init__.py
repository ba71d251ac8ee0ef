"""What a speech task is: pure values, no framework and no I/O."""
