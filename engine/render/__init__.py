"""Mitsuba: variant choice, gradient bridge, scenes, transfer."""
