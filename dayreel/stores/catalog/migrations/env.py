"""How Alembic runs our migrations: on the connection that `migrate.upgrade` hands over, inside its transaction."""

from alembic import context

from dayreel.stores.catalog.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
