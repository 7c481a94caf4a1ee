"""The morning's message as of now, and the days that it counts: what `dayreel watch --morning` prints."""

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.upkeep.morning_message import look_at_morning, text_of


def morning(request: PageRequest) -> Response:
    """Show it."""
    project = request.desk.project
    targets = notifier_routes(project.settings).of("report")
    now = look_at_morning(project, request.desk.scheduler_health(), targets=targets)
    lines = text_of(now, project.settings.desk_address).splitlines()
    return request.show("morning.html", morning=now, lines=lines)
