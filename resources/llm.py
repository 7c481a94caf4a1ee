"""Language models: Anthropic and OpenAI."""

import dagster as dg

from dayreel.providers.llm.contract import LanguageModel
from dayreel.services.studio import Studio


class AnthropicResource(dg.ConfigurableResource):
    """Claude, through the Anthropic SDK. The live world needs ANTHROPIC_API_KEY."""

    def open(self, studio: Studio) -> LanguageModel:
        """Return the client of the studio's world."""
        model: LanguageModel = studio.connect("anthropic")
        return model


class OpenAIResource(dg.ConfigurableResource):
    """GPT, through the OpenAI SDK. The live world needs OPENAI_API_KEY."""

    def open(self, studio: Studio) -> LanguageModel:
        """Return the client of the studio's world."""
        model: LanguageModel = studio.connect("openai")
        return model
