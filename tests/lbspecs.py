"""Specs of load balancers for tests: short ways to write one, and random ones."""

from __future__ import annotations

import dataclasses
import random
import uuid
from typing import Any

from svcfabric.spi.l2l3 import Address, Leg, Segment
from svcfabric.spi.lbaas import HealthMonitor, Listener, LoadBalancerSpec, Member, Pool, SessionPersistence


def ident(number: int) -> str:
    """A UUID that says where it came from."""
    return str(uuid.UUID(int=number))


def vip(address: str = "192.0.2.10", gateway: str = "", **more: Any) -> Leg:
    segment = Segment(network_id=ident(0xAA), type="vxlan", vni=17)
    held = (Address(address=address, prefix_length=24, gateway=gateway),)
    return Leg(**{"port_id": ident(0xBB), "mac": "02:00:00:00:00:10", "segment": segment, "addresses": held, **more})


def member(number: int, address: str = "", port: int = 80, **more: Any) -> Member:
    return Member(id=ident(number), address=address or f"192.0.2.{number}", protocol_port=port, **more)


def monitor(kind: str = "HTTP", **more: Any) -> HealthMonitor:
    return HealthMonitor(**{"id": ident(0xCC), "type": kind, "delay": 1, "timeout": 1, "max_retries": 1, **more})


def pool(*members: Member, number: int = 0x500, protocol: str = "HTTP", **more: Any) -> Pool:
    return Pool(id=ident(number), protocol=protocol, members=members, **more)


def listener(port: int = 80, protocol: str = "HTTP", uses: Pool | None = None, **more: Any) -> Listener:
    return Listener(
        id=ident(0x10000 + port),
        protocol=protocol,
        protocol_port=port,
        default_pool_id=uses.id if uses else "",
        **more,
    )


def balancer(*parts: Listener | Pool, number: int = 0x1, **more: Any) -> LoadBalancerSpec:
    """A load balancer of these listeners and pools, in the order given."""
    return LoadBalancerSpec(
        **{
            "id": ident(number),
            "vip": vip(),
            "listeners": tuple(each for each in parts if isinstance(each, Listener)),
            "pools": tuple(each for each in parts if isinstance(each, Pool)),
            **more,
        }
    )


def simple(*members: Member, **more: Any) -> LoadBalancerSpec:
    """One HTTP listener on port 80 with one pool, as most are."""
    one = pool(*members, **more)
    return balancer(listener(uses=one), one)


def with_pool(spec: LoadBalancerSpec, **changes: Any) -> LoadBalancerSpec:
    """The same with a changed first pool."""
    return dataclasses.replace(spec, pools=(dataclasses.replace(spec.pools[0], **changes), *spec.pools[1:]))


def with_listener(spec: LoadBalancerSpec, **changes: Any) -> LoadBalancerSpec:
    """The same with a changed first listener."""
    first = dataclasses.replace(spec.listeners[0], **changes)
    return dataclasses.replace(spec, listeners=(first, *spec.listeners[1:]))


def with_members(spec: LoadBalancerSpec, *members: Member) -> LoadBalancerSpec:
    """The same with other members in the first pool."""
    return with_pool(spec, members=members)


class Chance:
    """Random specs and random changes to them; the same seed gives the same ones."""

    def __init__(self, seed: int, vip: Leg) -> None:
        self._random = random.Random(seed)
        self._vip = vip

    def spec(self) -> LoadBalancerSpec:
        pools = tuple(self._pool(number) for number in range(self._random.randint(1, 3)))
        listeners = tuple(self._listener(port, pools) for port in range(81, 81 + self._random.randint(1, 3)))
        return LoadBalancerSpec(id=ident(0x1), vip=self._vip, listeners=listeners, pools=pools)

    def small_change(self, spec: LoadBalancerSpec) -> LoadBalancerSpec:
        """Members come, go and change; limits change: nothing that needs a reload."""
        pools = []
        for each in spec.pools:
            members = [self._changed(one) for one in each.members if self._random.random() > 0.3]
            taken = {one.id for one in each.members}
            fresh = [self._member(n) for n in range(20, 30) if self._random.random() < 0.2 and ident(n) not in taken]
            up = each.admin_state_up if self._random.random() > 0.1 else not each.admin_state_up
            pools.append(dataclasses.replace(each, members=(*members, *fresh), admin_state_up=up))
        listeners = tuple(
            dataclasses.replace(each, connection_limit=self._random.choice([-1, 100, 5000])) for each in spec.listeners
        )
        return dataclasses.replace(spec, pools=tuple(pools), listeners=listeners)

    def _changed(self, one: Member) -> Member:
        if self._random.random() < 0.3:
            one = dataclasses.replace(one, weight=self._random.choice([0, 1, 5, 256]))
        if self._random.random() < 0.2:
            one = dataclasses.replace(one, admin_state_up=not one.admin_state_up)
        return one

    def _pool(self, number: int) -> Pool:
        persistence = self._random.choice(
            [None, SessionPersistence(type="SOURCE_IP"), SessionPersistence(type="HTTP_COOKIE")]
        )
        return Pool(
            id=ident(0x500 + number),
            protocol="HTTP",
            lb_algorithm=self._random.choice(["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"]),
            session_persistence=persistence,
            healthmonitor=self._random.choice([None, monitor("TCP", delay=5), monitor("HTTP", delay=5)]),
            members=tuple(self._member(n) for n in range(11, 20) if self._random.random() < 0.4),
        )

    def _member(self, number: int) -> Member:
        return member(
            number,
            f"127.0.0.{number}",
            weight=self._random.choice([0, 1, 1, 1, 7]),
            backup=self._random.random() < 0.2,
            admin_state_up=self._random.random() > 0.2,
            monitor_port=self._random.choice([0, 0, 8080]),
        )

    def _listener(self, port: int, pools: tuple[Pool, ...]) -> Listener:
        return listener(
            port,
            self._random.choice(["HTTP", "TCP"]),
            self._random.choice([None, *pools]),
            admin_state_up=self._random.random() > 0.1,
            connection_limit=self._random.choice([-1, 50]),
        )
