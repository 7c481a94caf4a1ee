"""What own footage keeps: jobs and items on the shared folder, its plan, and reads of its tables in the catalog."""
