"""Routers: a namespace, its legs, its own NAT table, its routes."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable
from typing import Any

from svcfabric.drivers.linux import arp, forwards, helpers, leg, link, nat, netns, nft, radvd, route, scopes, sysctl
from svcfabric.drivers.linux.fault import HostFault, NoNamespace, RouteRefused, guarded
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.qos import gateways as qos
from svcfabric.drivers.linux.records import Records
from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report
from svcfabric.spi.l2l3 import Leg, Route, RouterSpec

KIND = "router"
INSIDE, GATEWAY = "in", "gw"  # what the names of a router's interfaces begin with

_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    # new namespaces inherit the machine's settings: say all that matters here
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv6/conf/default/accept_ra": "0",
}


def inside_name(port_id: str) -> str:
    """The interface of an inner leg in the router's namespace."""
    return f"{INSIDE}{port_id[:13]}"


def gateway_name(port_id: str) -> str:
    """The interface of the gateway leg."""
    return f"{GATEWAY}{port_id[:13]}"


class RouterDriver:
    """Entry point ``router.linux``. Connections in NAT survive every change that does not concern them."""

    kind = KIND

    def __init__(self, options: DriverOptions) -> None:
        self._host = Host(options)
        self._records = Records(options.state_dir)
        self._state_dir = options.state_dir

    @property
    def features(self) -> frozenset[str]:
        """What it can do, the kernel's conntrack helpers among it."""
        return frozenset({"router", "snat", "extraroutes", "ipv6", "ra", "qos"}) | helpers.features()

    def plan(self, spec: RouterSpec, current: RouterSpec | None) -> Plan:
        """The legs, rules and routes that would change."""
        if current is None:
            return Plan(steps=(f"create namespace {self._host.namespace(KIND, spec.id)}", *_leg_steps(spec, ())))
        steps = list(_leg_steps(spec, all_legs(current)))
        wanted = {each.port_id for each in all_legs(spec)}
        gone = [each for each in all_legs(current) if each.port_id not in wanted]
        steps += [f"remove leg {each.port_id}" for each in gone]
        if _rules_of(spec) != _rules_of(current):
            steps.append("replace NAT rules")
        if spec.routes != current.routes:
            steps.append("set routes")
        if spec.gateway_qos != current.gateway_qos:
            steps.append("change the gateway's limits")
        if radvd.config(named_legs(spec)) != radvd.config(named_legs(current)):
            steps.append("change router advertisements")
        cuts = bool(gone) or (current.admin_state_up and not spec.admin_state_up)
        return Plan(steps=tuple(steps), impact="cuts flows" if cuts else "new flows" if steps else "none")

    @guarded
    def apply(self, spec: RouterSpec) -> Report:
        """Legs first, then NAT, then routes, then away with what is no longer wanted: no gap for the rest.

        What is refused of routes, advertisements and conntrack helpers is told after all else is in place.
        """
        namespace = self._host.namespace(KIND, spec.id)
        with self._host.locked(spec.id):
            netns.create(namespace)
            sysctl.write(namespace, _SYSCTLS)
            legs = all_legs(spec)
            # known before they are made, so that ``remove`` finds them whatever happens in between
            self._records.put(spec.id, {"legs": sorted({*self._legs_of(spec.id), *(each.port_id for each in legs)})})
            new = leg.ensure_legs(self._host, namespace, named_legs(spec))
            if spec.gateway is not None and gateway_name(spec.gateway.port_id) in new and spec.admin_state_up:
                self._announce_floating(namespace, spec.gateway)
            self._set_rules(namespace, spec)
            outer = gateway_name(spec.gateway.port_id) if spec.gateway else ""
            qos.put_gateway(self._host, namespace, outer, spec.gateway_qos, held_addresses)
            refused: list[HostFault] = []
            for step in (self._converge, self._advertise, self._refuse_helpers):
                try:
                    step(namespace, spec)
                except HostFault as fault:
                    refused.append(fault)
            if refused:
                raise refused[0]
        return Report(instance_id=spec.id)

    def _converge(self, namespace: str, spec: RouterSpec) -> None:
        """Routes, then away with old legs; routes once more if any has gone.

        The kernel takes a leg's routes with it, though another leg would do.
        """
        keep = {each.port_id for each in all_legs(spec)}
        try:
            self._set_routes(namespace, spec)
        except RouteRefused:
            self._remove_legs(spec.id, keep)  # a route that leads nowhere keeps nothing alive
            raise
        if self._remove_legs(spec.id, keep):
            self._set_routes(namespace, spec)

    def _advertise(self, namespace: str, spec: RouterSpec) -> None:
        text = radvd.config(named_legs(spec))
        if text:
            radvd.ensure(self._advertiser(spec.id), namespace, text)
        else:
            radvd.quit(self._advertiser(spec.id), abruptly=False)

    def _refuse_helpers(self, _namespace: str, spec: RouterSpec) -> None:
        helpers.refuse_missing(spec.helpers)

    def _advertiser(self, instance_id: str) -> str:
        """The directory of a router's radvd."""
        return f"{self._state_dir}/radvd/{instance_id}"

    @guarded
    def remove(self, instance_id: str) -> Report:
        """Outer ends of the legs first: their names are free at once, the namespace dies at its leisure."""
        with self._host.locked(instance_id):
            radvd.quit(self._advertiser(instance_id), abruptly=True)
            self._remove_legs(instance_id, keep=set())
            netns.delete(self._host.namespace(KIND, instance_id))
            self._records.drop(instance_id)
        return Report(instance_id=instance_id)

    def observe(self) -> Iterable[Observation]:
        """Routers with a namespace or a record; drifted when a leg, the table or the namespace is gone."""
        present = set(self._host.namespaces(KIND))
        records = dict(self._records.items())
        for instance_id in sorted(present | records.keys()):
            drifted = instance_id in records and (
                instance_id not in present or self._damaged(instance_id, set(records[instance_id]["legs"]))
            )
            yield Observation(instance_id=instance_id, kind=KIND, drifted=drifted)

    def _damaged(self, instance_id: str, wanted: set[str]) -> bool:
        namespace = self._host.namespace(KIND, instance_id)
        try:
            return self._lacks(namespace, wanted) or radvd.broken(self._advertiser(instance_id))
        except NoNamespace:
            return self._records.get(instance_id) is not None  # removed while it was looked at, or else damaged

    def _lacks(self, namespace: str, wanted: set[str]) -> bool:
        here = set(netns.run_in(namespace, link.names_here))
        names = {name for each in wanted for name in (inside_name(each), gateway_name(each)) if name in here}
        return len(names) != len(wanted) or not nft.list_json(namespace, f"chain {nat.CHAIN}")

    def _legs_of(self, instance_id: str) -> list[str]:
        return list((self._records.get(instance_id) or {"legs": []})["legs"])

    def _remove_legs(self, instance_id: str, keep: set[str]) -> bool:
        """Whether there were any."""
        namespace = self._host.namespace(KIND, instance_id)
        known = {*self._legs_of(instance_id), *leg.legs(self._host, namespace)}
        if known - keep:
            leg.remove_legs(self._host, sorted(known - keep))
        self._records.put(instance_id, {"legs": sorted(keep)})
        return bool(known - keep)

    def _announce_floating(self, namespace: str, gateway: Leg) -> None:
        """Neighbours outside must learn of the new gateway leg's MAC for the floating IPs too."""
        held = netns.rtnl(namespace, held_addresses)
        if held:
            arp.announce(namespace, gateway_name(gateway.port_id), gateway.mac, held)

    def _set_rules(self, namespace: str, spec: RouterSpec) -> None:
        present = nat.digest_in(nft.list_json(namespace, f"chain {nat.CHAIN}"))
        text = _rules_of(spec, fresh=present is None)
        if present != nat.digest_of(text):
            nft.apply(namespace, text)

    def _set_routes(self, namespace: str, spec: RouterSpec) -> None:
        outer = spec.gateway
        gateways: list[str] = []
        if outer is not None and outer.admin_state_up and spec.admin_state_up:
            gateways = [each.gateway for each in outer.addresses if each.gateway]
        device = gateway_name(outer.port_id) if outer is not None else ""
        route.set_routes(namespace, reachable(spec), gateways, device=device)


def all_legs(spec: RouterSpec) -> tuple[Leg, ...]:
    """Inner legs and the gateway, as they should be: none up when the router is administratively down."""
    legs = (*spec.legs, *([spec.gateway] if spec.gateway else []))
    if spec.admin_state_up:
        return legs
    return tuple(dataclasses.replace(each, admin_state_up=False) for each in legs)


def named_legs(spec: RouterSpec) -> dict[str, Leg]:
    """``all_legs`` by the names of their interfaces."""
    outer = spec.gateway.port_id if spec.gateway else ""
    return {(gateway_name if each.port_id == outer else inside_name)(each.port_id): each for each in all_legs(spec)}


def reachable(spec: RouterSpec) -> list[Route]:
    """The extra routes to set: those whose next hop is behind a leg that is down come back with the leg."""
    down = [
        ipaddress.ip_interface(f"{address.address}/{address.prefix_length}").network
        for each in all_legs(spec)
        if not each.admin_state_up
        for address in each.addresses
    ]
    return [each for each in spec.routes if not any(ipaddress.ip_address(each.nexthop) in net for net in down)]


def held_addresses(ipr: Any) -> list[str]:
    """The floating addresses of a router: they are on its loopback, so that no change of a leg loses them."""
    return [
        str(each.get_attr("IFA_LOCAL"))
        for each in ipr.get_addr(index=1, family=2)
        if not str(each.get_attr("IFA_LOCAL")).startswith("127.")
    ]


def _rules_of(spec: RouterSpec, *, fresh: bool = False) -> str:
    outer = spec.gateway
    v4 = [each.address for each in outer.addresses if ":" not in each.address] if outer else []
    gateway = gateway_name(outer.port_id) if outer else ""
    source = v4[0] if v4 and spec.enable_snat else ""
    legs = named_legs(spec)
    return nat.rules(
        (inside_name(each.port_id) for each in spec.legs),
        gateway,
        source,
        more=nat.More(
            made=(*forwards.MAPS, *scopes.MADE),
            incoming=forwards.RULES,
            untranslated=tuple(scopes.within(legs, gateway)),
            chains=(helpers.HOOKED, *scopes.CHAINS),
            filled=(*helpers.text(spec.helpers), *scopes.rules(legs, gateway, source_nat=bool(source))),
        ),
        fresh=fresh,
    )


def _leg_steps(spec: RouterSpec, current: tuple[Leg, ...]) -> Iterable[str]:
    before = {each.port_id: each for each in current}
    for each in all_legs(spec):
        if each.port_id not in before:
            yield f"create leg {each.port_id}"
        elif before[each.port_id] != each:
            yield f"change leg {each.port_id}"
