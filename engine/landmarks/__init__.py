"""Finding the points of a face in a photo."""
