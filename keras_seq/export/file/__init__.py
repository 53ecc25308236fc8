"""What a .tflite holds: reading and rewriting it, its metadata, attached files and profile."""
