"""What a finished fit leaves on disk."""
