"""Vendors as typed resources, one class a vendor, made from its record.

See https://docs.dagster.io/guides/build/external-resources. Each setting is a field that says which variable it is read
from: the resource's page shows names and never a value, and a run names another variable in its config:

    resources: {fal: {config: {fal_key: {env: FAL_KEY_OF_ANOTHER_TEAM}}}}

Where messages are routed to several notifiers, their resources are nested in one, `notifier: {config: {slack: ...}}`.
How a vendor is spoken to is its client's; which vendors there are is `dayreel.vendors.registry`.
"""

from functools import cache
from keyword import iskeyword
from typing import Any, ClassVar

import dagster as dg
from pydantic import Field, create_model, model_validator

from dayreel.providers.notifiers.contract import Notifier
from dayreel.services.notifier_routes import Routes
from dayreel.services.project import Project
from dayreel.vendors.record import Setting, Vendor
from dayreel.vendors.registry import vendor_named


class FromEnvironment(dg.Config):
    """A value that is read from a variable when the client is made: of the environment, or of the project's `.env`.

    Written like Dagster's own `EnvVar`, and given as one. Dagster's fails every run while the variable is not set, also
    of what is optional, and in the sandbox world, which needs none.
    """

    env: str = Field(description="the variable's name")

    @model_validator(mode="before")
    @classmethod
    def _take_env_vars(cls, given: object) -> object:
        return {"env": given.env_var_name} if isinstance(given, dg.EnvVar) else given


class VendorResource(dg.ConfigurableResource):
    """Whoever makes, posts or notifies."""

    record: ClassVar[Vendor]

    def open(self, project: Project) -> Any:
        """Return the client of the project's world, which follows the contract of the vendor's family.

        In the sandbox world its keys are the stand-in's own, whatever variables are named here.

        Raises:
            ConfigurationError: a variable that is named here, or that the live world needs, is not set.
        """
        named = {setting.variable: _name(getattr(self, _field(setting))) for setting in self.record.settings}
        return project.connect(self.record.name, {own: name for own, name in named.items() if own != name})


def vendor_resource(record: Vendor) -> VendorResource:
    """Return a vendor's resource, with every field read from the variable of its own name."""
    variables = {_field(setting): dg.EnvVar(setting.variable) for setting in record.settings}
    return resource_class(record)(**variables)


class RoutedNotifiers(dg.ConfigurableResource):
    """Several notifiers, each with its messages; see `dayreel.services.notifier_routes`."""

    routes: ClassVar[Routes[str]]

    def open(self, project: Project) -> Routes[Notifier]:
        """Return the client of each; raises as that of a single one."""
        return self.routes.mapped(lambda name: getattr(self, name).open(project))


def notifier_resource(routes: Routes[str]) -> VendorResource | RoutedNotifiers:
    """Return the resource of whoever notifies people: that of the only one, or one that nests several."""
    names = dict.fromkeys((routes.default, *routes.everyone()))
    resources = {name: vendor_resource(vendor_named(name)) for name in names}
    if len(resources) == 1:
        return resources[routes.default]
    fields: dict[str, Any] = {name: (type(resource), ...) for name, resource in resources.items()}
    made = create_model("RoutedNotifiers", __base__=RoutedNotifiers, __module__=__name__, **fields)
    made.routes = routes
    return made(**resources)


@cache
def resource_class(record: Vendor) -> type[VendorResource]:
    """Return a vendor's class, like `AnthropicResource`."""
    fields: dict[str, Any] = {
        _field(setting): (FromEnvironment, Field(FromEnvironment(env=setting.variable), description=_about(setting)))
        for setting in record.settings
    }
    needs = f" The live world needs {', '.join(record.needs)}." if record.needs else ""
    is_one_word = record.label.lower() == record.name
    name = record.label if is_one_word else "".join(part.capitalize() for part in record.name.split("_"))
    name = name[0].upper() + name[1:]
    # A class per vendor, because Dagster's UI shows a resource's type and fields, and every vendor has other
    # variables.
    made = create_model(
        f"{name}Resource", __base__=VendorResource, __module__=__name__, __doc__=record.about + needs, **fields
    )
    made.record = record
    return made


def _field(setting: Setting) -> str:
    name = setting.variable.lower()
    # A variable like COPY or OPEN would take the place of a method.
    return f"{name}_" if hasattr(VendorResource, name) or iskeyword(name) else name


def _about(setting: Setting) -> str:
    return setting.help if setting.required else f"{setting.help}; optional"


def _name(given: FromEnvironment | dg.EnvVar) -> str:
    # Dagster puts the EnvVar it was given back into the field, until the resource is made again for a run.
    return given.env_var_name if isinstance(given, dg.EnvVar) else given.env
