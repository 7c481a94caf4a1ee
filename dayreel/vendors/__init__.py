"""What a vendor is to dayreel: its record, how records are found, and the way to a vendor from one of the two worlds.

The vendors' own files are `dayreel.providers.<family>.<name>`, and packages that bring more. Nothing here names one.
"""
