"""The morning's message as of now, and the days that it counts: what `dayreel watch --morning` prints."""

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest
from dayreel.services.notify_people import notifier_name
from dayreel.services.upkeep.morning_message import look_at_morning, text_of


def morning(request: PageRequest) -> Response:
    """Show it."""
    project = request.desk.project
    now = look_at_morning(project, request.desk.scheduler_health(), target=notifier_name(project.settings))
    lines = text_of(now, project.settings.desk_address).splitlines()
    return request.show("morning.html", morning=now, lines=lines)
