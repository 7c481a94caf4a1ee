"""Voices: edge-tts and espeak-ng."""

import dagster as dg

from dayreel.providers.speech.contract import SpeechProvider
from dayreel.services.studio import Studio


class EdgeResource(dg.ConfigurableResource):
    """The voices of Microsoft Edge, through edge-tts. Free, without a key and without a promise."""

    def open(self, studio: Studio) -> SpeechProvider:
        """Return the client of the studio's world."""
        speech: SpeechProvider = studio.connect("edge")
        return speech


class EspeakResource(dg.ConfigurableResource):
    """espeak-ng, a program on this machine: robotic, offline, always there."""

    def open(self, studio: Studio) -> SpeechProvider:
        """Return the program."""
        speech: SpeechProvider = studio.connect("espeak")
        return speech
