"""The parts of the bundled head's build."""
