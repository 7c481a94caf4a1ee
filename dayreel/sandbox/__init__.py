"""The sandbox world: stand-in vendors on loopback that speak the real wire protocols.

Written from the protocol reference alone, so that an error in our clients cannot hide behind the same error here:
nothing in this package imports `dayreel.providers`, `dayreel.media` or `dayreel.settings`.
"""
