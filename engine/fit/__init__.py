"""Stages 1, 2 and 3, their losses and their schedule."""
