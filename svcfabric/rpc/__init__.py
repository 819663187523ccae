"""Messages between API, controllers and agents, over oslo.messaging. Knows neither database nor drivers."""

from __future__ import annotations

import warnings

from oslo_service import backend

from svcfabric.errors import ServiceUnavailable

# Libraries below import eventlet where it is installed, to see whether it is in use; it is not.
warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
if backend.get_backend_type() is None:  # before oslo.messaging picks its default, which loads eventlet
    backend.init_backend(backend.BackendType.THREADING)

AGENT_TOPIC = "svcfabric-agent"
CONTROLLER_TOPIC = "svcfabric-controller"
EXCHANGE = "svcfabric"


class Unreachable(ServiceUnavailable):
    """The broker does not take the message, or nobody answered in time. Nothing was promised: drop it or retry."""

    code = "rpc.unreachable"


class NoReader(Unreachable):
    """The broker answers, but whoever should read this has not been there since the broker started."""

    code = "rpc.no_reader"


class RemoteFailure(ServiceUnavailable):
    """The other side took the question and failed at it."""

    code = "rpc.remote_failure"
