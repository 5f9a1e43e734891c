"""Camera, pose, spherical-harmonics light and skin material."""
