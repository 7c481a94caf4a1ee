"""A data team's own tables beside dayreel's, in a code location of their own. To copy from."""
