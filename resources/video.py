"""Raw segments: the fal queue, Kling, and own footage."""

import dagster as dg

from dayreel.providers.video.clips import OwnFootage
from dayreel.providers.video.contract import VideoGenerator
from dayreel.services.studio import Studio


class FalResource(dg.ConfigurableResource):
    """Generated video through the fal queue (WAN, Veo, Kling). The live world needs FAL_KEY."""

    def open(self, studio: Studio) -> VideoGenerator:
        """Return the client of the studio's world."""
        generator: VideoGenerator = studio.connect("fal")
        return generator


class KlingResource(dg.ConfigurableResource):
    """Generated video from Kling itself. The live world needs KLING_ACCESS_KEY and KLING_SECRET_KEY."""

    def open(self, studio: Studio) -> VideoGenerator:
        """Return the client of the studio's world."""
        generator: VideoGenerator = studio.connect("kling")
        return generator


class ClipsResource(dg.ConfigurableResource):
    """Own footage from a folder. Needs nothing, in either world."""

    def open(self, studio: Studio) -> OwnFootage:
        """Return the folders of own footage."""
        footage: OwnFootage = studio.connect("clips")
        return footage
