"""What the kill switch does, in words. Whether it is on is asked of `queries.config`.

Apart from the gates, so that `dayreel status` can say it without the shape of channel files.
"""

STOPPED = "the kill switch has stopped everything: nothing is bought and nothing is posted until `dayreel switch on`"
ALLOWED = "buying and posting are allowed until `dayreel switch off`"
"""What the kill switch does, wherever it is shown: its positions alone can be read the wrong way round."""
