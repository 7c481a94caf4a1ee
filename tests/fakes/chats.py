"""A content whose review was asked in the sandbox world's Slack or Discord, and people who press there."""

from dataclasses import dataclass, replace
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from dayreel.services.project import Project
from dayreel.services.reviewing.chat_review import Chat as ChatName
from dayreel.services.reviewing.request_review import notify_reviewers
from tests.fakes.desk import desk_on
from tests.fakes.project import channel_of, content_row
from tests.fakes.sandbox import RunningSandbox

CONTENT = "crafts-2026-11-20"


@dataclass
class Chat:
    """One chat, with the desk that takes its presses."""

    name: ChatName
    project: Project
    world: RunningSandbox
    desk: Starlette

    def ask(self) -> str:
        """Ask for the review and return the message's id."""
        row = content_row(self.project, CONTENT)
        notified = notify_reviewers(
            self.project, channel_of(self.project), row, notifiers=[self.project.connect(self.name)]
        )
        assert notified == f"{self.name} was notified"
        return self.message_id(-1)

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages that are not replies in a thread, oldest first."""
        sent = [message for message in self.world.effects()["messages"] if message["service"] == self.name]
        return [message for message in sent if not message.get("thread_ts")]

    def message_id(self, number: int) -> str:
        message = self.messages()[number]
        return str(message["ts" if self.name == "slack" else "id"])

    def buttons(self, number: int = -1) -> list[str]:
        """Return the words on a message's buttons."""
        message = self.messages()[number]
        if self.name == "slack":
            rows = [block for block in message["blocks"] if block["type"] == "actions"]
            return [element["text"]["text"] for row in rows for element in row["elements"]]
        return [component["label"] for row in message["components"] for component in row["components"]]

    def words(self, number: int = -1) -> str:
        """Return everything a message says."""
        message = self.messages()[number]
        return repr(message["blocks"] if self.name == "slack" else message["embeds"])

    def whispers(self) -> list[str]:
        return [whisper["text"] for whisper in self.world.effects()["whispers"]]

    def sign(self, **wish: Any) -> dict[str, Any]:
        """Return the request that a press becomes, signed now."""
        at = int(self.project.clock.now().timestamp())
        return self.world.press({"service": self.name, "at": at, "message": self.message_id(-1), **wish})

    def press(self, button: str, **wish: Any) -> Any:
        """Press a button, and return the desk's answer."""
        return self.deliver(self.sign(button=button, **wish))

    def deliver(self, request: dict[str, Any]) -> Any:
        """Post a request to the desk, and return its answer once the work behind it is done."""
        with TestClient(self.desk, base_url="http://desk.localhost") as client:
            return client.post(f"/callbacks/{self.name}", headers=request["headers"], content=request["body"])


def chat_on(project: Project, world: RunningSandbox, name: ChatName) -> Chat:
    """Return a chat of this world for a project."""
    settings = project.settings.model_copy(update={"sandbox_url": world.url})
    here = replace(project, settings=settings, providers={})
    return Chat(name, here, world, desk_on(here))
