"""What goes wrong with a deployment."""

from __future__ import annotations

from bottle.errors import ServerError


class DeployError(ServerError):
    """Deployment files cannot be made, written or checked; the message names the cause and the remedy."""
