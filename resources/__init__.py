"""WHO makes it: one thin Dagster resource per provider, and the project they all work in.

A resource here holds no rule and no secret: it names a vendor and hands out its plain client (`dayreel.providers`),
which reads its keys when it is opened, so that definitions load and can be reviewed on a machine that has none.
"""
