# SPDX-License-Identifier: GPL-3.0-or-later
"""Path-traced portraits of which everything is known, drawn at random: people, lights, spectacles, and how well a fit finds them."""
