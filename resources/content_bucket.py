"""The project with its contents in an S3 bucket: dagster-aws makes the client.

See https://docs.dagster.io/integrations/libraries/aws/s3. Used where DAYREEL_CONTENT_BUCKET is set, and imported only
then, because AWS's SDK takes half a second. Which bucket is the environment's to say; what goes there and when is
`dayreel.stores.content_bucket`.
"""

from collections.abc import Callable
from typing import Any

from dagster_aws.s3 import S3Resource
from pydantic import Field

from resources.project import ProjectResource


class BucketProjectResource(ProjectResource):
    """Where dayreel works, with a bucket behind its content folders."""

    s3: S3Resource = Field(description="the client; left as it is, keys, region and endpoint are AWS's own variables")

    def connect_s3(self) -> Callable[[], Any]:
        """Return what makes the bucket's client."""
        return self.s3.get_client
