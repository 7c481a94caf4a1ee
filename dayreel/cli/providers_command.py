"""`dayreel providers`: every vendor, what it can do, and which variables it wants. Never imports Dagster."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.services.setting_up.list_providers import list_providers
from dayreel.settings import load_settings
from dayreel.vendors.registry import unusable


@click.command("providers")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(as_json: bool) -> None:
    """List families, vendors, what they can do, the variables they need, and whether these are set."""
    settings = load_settings()
    listed = list_providers(settings)
    for vendor in unusable():
        click.echo(f"{vendor.name} of {vendor.distribution} cannot be used: {vendor.reason}", err=True)
    if as_json:
        print_json([vars(vendor) for vendor in listed])
        return
    print_table(
        ("family", "vendor", f"ready ({settings.world})", "can", "needs", "takes"),
        [
            (
                vendor.family,
                vendor.name,
                "yes" if vendor.ready else "no",
                ", ".join(vendor.can),
                _variables(vendor.needs),
                _variables(vendor.takes),
            )
            for vendor in listed
        ],
    )


def _variables(variables: dict[str, bool]) -> str:
    return "\n".join(f"{name} ({'set' if is_set else 'not set'})" for name, is_set in variables.items())
