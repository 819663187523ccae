"""What an apply costs on this machine; prints the figures, with bounds generous enough for a busy one."""

from __future__ import annotations

import dataclasses
import statistics

from tests import beds


def test_cost_of_applies(lone_bed, capsys):
    (host,) = lone_bed.hosts
    figures = {}

    def measure(name, calls):
        times = []
        for call in calls:
            call()
            times.append(host.seconds * 1000)
        figures[name] = (statistics.median(times), max(times))

    outside = lone_bed.external(host)
    nets = [lone_bed.network(f"10.{number}.0.0/24") for number in range(20)]
    routers = []

    def router(number):
        net, outer = nets[number], outside.leg(f"203.0.113.{100 + number}")
        leg = net.leg(net.gateway)
        lone_bed.bind_leg(leg, host)
        routers.append(lone_bed.router(host, leg, gateway=outer))

    measure("router with 2 legs, SNAT, new", [lambda number=number: router(number) for number in range(20)])
    measure("router again, unchanged", [lambda spec=spec: host.apply(spec) for spec in routers])
    grown = [
        dataclasses.replace(spec, legs=(*spec.legs, nets[-1].leg(f"10.19.0.{100 + number}")))
        for number, spec in enumerate(routers[:10])
    ]
    measure("router, one more leg", [lambda spec=spec: host.apply(spec) for spec in grown])
    floatings = []
    measure(
        "floating IP, new",
        [
            lambda number=number: floatings.append(
                lone_bed.floating(host, routers[0], f"203.0.113.{number}", f"10.0.0.{number}")
            )
            for number in range(40, 60)
        ],
    )
    measure("floating IP again", [lambda spec=spec: host.apply(spec) for spec in floatings])
    ports = []
    measure(
        "port with wire, new",
        [
            lambda number=number: ports.append(lone_bed.port(nets[0], host, f"10.0.0.{number}"))
            for number in range(100, 130)
        ],
    )
    measure("port again", [lambda spec=spec: host.apply(spec) for spec in ports])
    remote = [dataclasses.replace(spec, vtep="192.0.2.9") for spec in ports]
    measure("port moves to another host", [lambda spec=spec: host.apply(spec) for spec in remote])
    measure("remote port again", [lambda spec=spec: host.apply(spec) for spec in remote])
    measure("observe ports (30)", [lambda: host.observe("port")] * 5)
    measure("observe routers (20)", [lambda: host.observe("router")] * 5)
    measure("remove floating IP", [lambda spec=spec: host.remove("floatingip", spec.id) for spec in floatings])
    measure("remove router", [lambda spec=spec: host.remove("router", spec.id) for spec in routers])
    with capsys.disabled():
        print("\nms on the host, median (max):")
        for name, (median, worst) in figures.items():
            print(f"  {name:32} {median:7.2f} ({worst:.1f})")
    assert figures["router with 2 legs, SNAT, new"][0] < 150
    assert figures["router again, unchanged"][0] < 60
    assert figures["port with wire, new"][0] < 60
    assert beds.traces(lone_bed.name)
