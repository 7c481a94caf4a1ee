"""The sandbox world: stand-in vendors on loopback that speak the real wire protocols. Imports `schemas` only."""
