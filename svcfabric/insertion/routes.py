"""The native API's first resources: what is inserted where, and service instances of every kind."""

from __future__ import annotations

from pathlib import Path

from svcfabric.api.resource import Api, Attribute, Dialect, Handler, Resource
from svcfabric.fabric.feature import Fabric, Feature
from svcfabric.insertion import schemas
from svcfabric.insertion.service import ReadInsertions, ReadInstances, Record

PREFIX = "/v1"


def feature(fabric: Fabric) -> Feature:
    """Entry point ``insertion`` of ``svcfabric.core``."""
    api = Api(
        title="Service insertion",
        prefixes=(PREFIX,),
        dialect=Dialect.NATIVE,
        resources=(
            _resource("insertion", schemas.INSERTION, ReadInsertions(fabric.database), "created_at"),
            _resource("service_instance", schemas.SERVICE_INSTANCE, ReadInstances(fabric.database), "id"),
        ),
    )
    return Feature(
        name="insertion",
        apis=(api,),
        migrations=(Path(__file__).parent / "migrations" / "versions",),
        insertions=Record(),
    )


def _resource(name: str, attributes: tuple[Attribute, ...], handler: Handler, sort: str) -> Resource:
    return Resource(
        name=name,
        collection=f"{name}s",
        path=f"/{name}s",
        attributes=attributes,
        handler=handler,
        operations=frozenset({"get", "list"}),
        bulk=False,
        tags=False,
        default_sort=((sort, "asc"), ("id", "asc")) if sort != "id" else (("id", "asc"),),
    )
