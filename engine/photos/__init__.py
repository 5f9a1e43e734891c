"""Photos: reading, EXIF, colour, masks."""
