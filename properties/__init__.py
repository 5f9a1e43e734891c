# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings on the scene and in the preferences, and what turns them into the engine's."""
