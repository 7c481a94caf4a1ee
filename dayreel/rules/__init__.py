"""Pure decisions: lifecycles, gates, budgets, fingerprints. No clock, no disk, no network; everything is handed in."""
