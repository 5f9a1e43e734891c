"""The fit: photos of a face in, a head with textures, camera and light out. Knows nothing of Blender."""
