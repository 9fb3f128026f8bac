"""Every exception of the project that is not itself an HTTP response.

The framework wing raises the first group while routes are built or templates are rendered. The serving wing raises the
second group, all of them a `ServerError`: a start-up that failed for a reason that the person at the keyboard can mend.
Its text is one line that names the cause and the remedy; the runner and the command line print that line alone.
"""


class BottleException(Exception):
    """Base class of every exception that Bottle raises."""


class PluginError(BottleException):
    """A framework plugin (`Bottle.install`) cannot be used as it is."""


class RouteError(BottleException):
    """Base class of everything that can be wrong with a route."""


class RouteSyntaxError(RouteError):
    """The rule of a route cannot be understood."""


class RouterUnknownModeError(RouteError):
    """The rule of a route names a filter that nobody has added."""


class RouteBuildError(RouteError):
    """No URL can be built: no route has this name, or a wildcard has no value."""


class TemplateError(BottleException):
    """A template was not found or cannot be prepared."""


class StplSyntaxError(TemplateError):
    """The source of a SimpleTemplate is not valid."""


class ServerError(BottleException):
    """Base class: a server cannot be found, loaded, configured or started. `str()` gives one line for the user."""

    def __str__(self) -> str:
        """Return the message as it was given; `KeyError` and `OSError` would decorate it."""
        return str(self.args[0]) if self.args else type(self).__name__


class ServerNotFound(ServerError, KeyError, ValueError):
    """No installed distribution offers a server of this name."""


class ServerBlocked(ServerNotFound):
    """The name is listed in the environment variable `BOTTLE_DISABLED_SERVERS`."""


class ServerLoadError(ServerError, ImportError):
    """A plugin is installed but cannot be loaded; the cause is chained."""


class ServerConflict(ServerError):
    """Two distributions claim the same server name."""


class ServerOptionError(ServerError, TypeError):
    """An option is unknown to the server, or its value cannot be used."""


class BackendMissing(ServerError, ImportError):
    """The adapter is installed but the server software behind it is not; the text holds the line that installs it."""


class BindError(ServerError, OSError):
    """The address cannot be listened on: in use, not permitted, or its host does not resolve."""


class ApplicationError(ServerError, ImportError):
    """The application named on the command line or in `run(app='module:name')` cannot be imported."""
