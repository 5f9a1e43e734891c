# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person can do with the add-on, one file each, and the builders that turn a finished result into Blender data."""
