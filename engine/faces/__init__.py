"""Morphable models: what a face can be."""
