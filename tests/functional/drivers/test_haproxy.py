"""What a load balancer does to traffic: real HAProxy, real servers, real namespaces."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections import Counter

import pytest

from svcfabric.drivers.haproxy import runtime
from svcfabric.drivers.linux import netns
from svcfabric.spi.l2l3 import Address
from svcfabric.spi.lbaas import SessionPersistence
from tests import lbbeds
from tests import lbspecs as lb


def web(bed: lbbeds.Bed, *members, **more):
    """A spec with an HTTP listener on port 80."""
    one = lb.pool(*members, **more)
    return lb.balancer(lb.listener(uses=one), one, vip=bed.vip())


def three(bed: lbbeds.Bed):
    return [bed.server(number) for number in (11, 12, 13)]


def test_requests_are_spread_evenly_and_by_weight(lb_bed):
    one, two, third = three(lb_bed)
    spec = web(lb_bed, one, two, third)
    lb_bed.apply(spec)
    assert lb_bed.spread(30) == {"s11": 10, "s12": 10, "s13": 10}
    lb_bed.apply(lb.with_members(spec, dataclasses.replace(one, weight=8), two, dataclasses.replace(third, weight=0)))
    assert lb_bed.spread(27) == {"s11": 24, "s12": 3}


def test_a_backup_serves_when_all_others_are_down(lb_bed):
    one, two, third = three(lb_bed)
    spares = [dataclasses.replace(each, backup=True) for each in (two, third)]
    spec = web(lb_bed, one, *spares, healthmonitor=lb.monitor("TCP", max_retries_down=1))
    lb_bed.apply(spec)
    assert lb_bed.spread(6) == {"s11": 6}
    lb_bed.stop_server(11)
    lb_bed.until(lambda: lb_bed.status(spec, one.id) == "ERROR")
    assert lb_bed.spread(6) == {"s12": 3, "s13": 3}
    assert lb_bed.status(spec, spec.pools[0].id) == "DEGRADED"


def test_the_monitor_takes_a_dead_server_out_in_its_time_and_back_in(lb_bed):
    one, two, third = three(lb_bed)
    spec = web(lb_bed, one, two, third, healthmonitor=lb.monitor(url_path="/health", max_retries_down=2))
    lb_bed.apply(spec)
    with lb_bed.load(rate=200, connections=8, close=1.0) as load:
        time.sleep(1.5)
        lb_bed.stop_server(12)
        took = lb_bed.until(lambda: lb_bed.status(spec, two.id) == "ERROR")
        assert took < 2 * 1 + 1.5, "two checks, a second apart"
        lb_bed.server(12)
        lb_bed.until(lambda: lb_bed.status(spec, two.id) == "ONLINE")
        counts = load.stop()
    # a refused connection is tried at another server: lost is only what the server had in hand when it was killed
    assert counts.failed <= 8, counts.errors
    assert counts.failed == counts.resets + counts.statuses.get("502", 0), counts.errors
    # sick but listening: only the monitor can know
    down = lb_bed.down_file(13)
    open(down, "w").close()
    lb_bed.until(lambda: lb_bed.status(spec, third.id) == "ERROR")
    assert set(lb_bed.spread(10)) == {"s11", "s12"}
    said = lb_bed.observe(spec).statuses
    assert said[spec.pools[0].id] == said[spec.id] == "DEGRADED"
    assert said[spec.listeners[0].id] == "ONLINE"


def test_all_members_down(lb_bed):
    spec = web(lb_bed, lb.member(99, "10.9.0.99"), healthmonitor=lb.monitor("TCP", max_retries_down=1))
    lb_bed.apply(spec)
    lb_bed.until(lambda: lb_bed.status(spec, spec.id) == "ERROR")
    assert lb_bed.get().status == 503


def test_a_member_is_added_under_load(lb_bed):
    one, two, third = three(lb_bed)
    spec = web(lb_bed, one, two, healthmonitor=lb.monitor())
    lb_bed.apply(spec)
    (pid,) = lb_bed.pids()
    with lb_bed.load(rate=500, connections=16) as load:
        time.sleep(0.5)
        lb_bed.apply(lb.with_members(spec, one, two, third))
        time.sleep(1.0)
        lb_bed.apply(lb.with_members(spec, two, third))
        time.sleep(0.5)
        counts = load.stop()
    assert counts.failed == 0, counts.errors
    assert counts.servers["s13"] > 100
    assert lb_bed.pids() == [pid], "no reload"


def test_a_removed_members_connections_may_end_in_peace(lb_bed):
    one, two, _ = three(lb_bed)
    pool = lb.pool(one, two, protocol="TCP")
    spec = lb.balancer(lb.listener(80, "TCP", uses=pool), pool, vip=lb_bed.vip())
    lb_bed.apply(spec)
    with netns.run_in(lb_bed.client, socket.create_connection, (lbbeds.VIP, 80), 5) as open_connection:
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

        def ask() -> bytes:
            open_connection.sendall(request)
            return open_connection.recv(1000)

        mine, other = (one, two) if b"s11" in ask() else (two, one)
        lb_bed.apply(lb.with_members(spec, other))
        assert set(lb_bed.spread(4)) == {f"s{other.address[-2:]}"}
        assert mine.address[-2:].encode() in ask(), "the connection goes on"
        assert not lb_bed.observe(lb.with_members(spec, other)).drifted
        assert server_rows(lb_bed, spec) == 2
    lb_bed.until(lambda: lb_bed.observe(spec) and server_rows(lb_bed, spec) == 1)


def server_rows(bed, spec) -> int:
    rows = runtime.show_statistics(bed.of(spec) / "admin.sock")
    return sum(row["svname"].startswith("member-") for row in rows)


@pytest.mark.parametrize("kind", ["HTTP_COOKIE", "APP_COOKIE"])
def test_cookies_bring_a_client_back_to_its_server(lb_bed, kind):
    one, two, third = three(lb_bed)
    name = "X-Server-Cookie" if kind == "APP_COOKIE" else ""
    spec = web(lb_bed, one, two, session_persistence=SessionPersistence(type=kind, cookie_name=name))
    lb_bed.apply(spec)
    if kind == "APP_COOKIE":  # the application's own cookie, which these servers do not set: it must do no harm
        assert lb_bed.spread(10, headers={"Cookie": f"{name}=abc"}) == {"s11": 5, "s12": 5}
        return
    lb_bed.apply(lb.with_members(spec, one, two, third))
    cookies = {}
    for _ in range(6):
        answer = lb_bed.get()
        cookies[answer.getheader("X-Server")] = answer.getheader("Set-Cookie").partition(";")[0]
    assert len(set(cookies.values())) == 3, "also the server that was added while it ran has its cookie"
    for server, cookie in cookies.items():
        assert lb_bed.spread(5, headers={"Cookie": cookie}) == {server: 5}
    lb_bed.apply(lb.with_listener(lb.with_members(spec, one, two, third), timeout_client_data=1000))
    for server, cookie in cookies.items():
        assert lb_bed.spread(5, headers={"Cookie": cookie}) == {server: 5}, "after a reload too"


def test_source_ip_persistence_survives_a_reload(lb_bed):
    one, two, third = three(lb_bed)
    spec = web(lb_bed, one, two, third, session_persistence=SessionPersistence(type="SOURCE_IP"))
    lb_bed.apply(spec)
    ((mine, count),) = lb_bed.spread(10).items()
    assert count == 10
    time.sleep(10.5)  # HAProxy hands its table over only when it is older than that
    for timeout in (1000, 2000, 3000):
        lb_bed.apply(lb.with_listener(spec, timeout_client_data=timeout))
        time.sleep(0.3)
        assert lb_bed.spread(10) == {mine: 10}


def test_source_ip_algorithm_keeps_clients_when_a_member_comes(lb_bed):
    one, two, third = three(lb_bed)
    spec = web(lb_bed, one, two, third, lb_algorithm="SOURCE_IP")
    lb_bed.apply(spec)
    ((mine, _),) = lb_bed.spread(5).items()
    lb_bed.apply(lb.with_listener(spec, timeout_client_data=1000))
    assert lb_bed.spread(5) == {mine: 5}
    others = [each for each in (one, two, third) if f"s{each.address[-2:]}" != mine]
    lb_bed.apply(lb.with_members(lb.with_listener(spec, timeout_client_data=1000), *others))
    (theirs,) = lb_bed.spread(5)
    assert theirs != mine


def test_headers_limits_and_who_may_come(lb_bed):
    seen: list[bytes] = []
    name = f"{lb_bed.name}-echo"
    lb_bed.namespace(name, "10.9.0.14")
    echo = netns.run_in(name, socket.create_server, ("10.9.0.14", 80))

    def serve() -> None:
        while True:
            try:
                connection, _ = echo.accept()
            except OSError:
                return
            seen.append(connection.recv(4096).lower())
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    wanted = tuple((f"X-Forwarded-{each}", "true") for each in ("For", "Port", "Proto"))
    spec = web(lb_bed, lb.member(14, "10.9.0.14"))
    lb_bed.apply(lb.with_listener(spec, insert_headers=wanted, allowed_cidrs=("192.0.2.0/24", "10.9.0.128/25")))
    assert lb_bed.get().status == 200
    assert b"x-forwarded-for: 10.9.0.200\r\n" in seen[-1]
    assert b"x-forwarded-port: 80\r\n" in seen[-1]
    assert b"x-forwarded-proto: http\r\n" in seen[-1]
    lb_bed.apply(lb.with_listener(spec, allowed_cidrs=("192.0.2.0/24",)))
    with pytest.raises(OSError, match=r"."):
        lb_bed.get()
    # what the monitor asks for arrives letter by letter
    path = '/it\'s?a="b"&c=$HOME\\#%20{}'
    monitor = lb.monitor(url_path=path, http_version="1.1", domain_name="web.example.org", http_method="PATCH")
    seen.clear()
    lb_bed.apply(lb.with_pool(spec, healthmonitor=monitor))
    lb_bed.until(lambda: seen)
    assert seen[0].startswith(f"patch {path} http/1.1\r\n".lower().encode())
    assert b"host: web.example.org\r\n" in seen[0]
    echo.close()


def test_expected_codes_and_another_port_to_ask(lb_bed):
    member = lb_bed.server(11)
    spec = web(lb_bed, member, healthmonitor=lb.monitor(expected_codes="201-204"))
    lb_bed.apply(spec)
    lb_bed.until(lambda: lb_bed.status(spec, member.id) == "ERROR")
    good = lb.with_pool(spec, healthmonitor=lb.monitor(expected_codes="200,204"))
    lb_bed.apply(good)
    lb_bed.until(lambda: lb_bed.status(good, member.id) == "ONLINE")
    elsewhere = lb.with_members(good, dataclasses.replace(member, monitor_port=81, monitor_address="10.9.0.11"))
    lb_bed.apply(elsewhere)
    lb_bed.until(lambda: lb_bed.status(elsewhere, member.id) == "ERROR")


def test_listeners_without_pool_and_of_both_protocols(lb_bed):
    pool, plain = lb.pool(lb_bed.server(11)), lb.pool(lb_bed.server(12), number=0x501, protocol="TCP")
    spec = lb.balancer(
        lb.listener(80, uses=pool),
        lb.listener(81),
        lb.listener(82, "TCP", uses=plain),
        lb.listener(83, "TCP", uses=pool),
        lb.listener(84, "TCP"),
        lb.listener(85, uses=pool, admin_state_up=False),
        pool,
        plain,
        vip=lb_bed.vip(),
    )
    lb_bed.apply(spec)
    assert lb_bed.spread(2, port=80) == lb_bed.spread(2, port=83) == {"s11": 2}
    assert lb_bed.spread(2, port=82) == {"s12": 2}
    assert lb_bed.get(port=81).status == 503
    for port in (84, 85):
        with pytest.raises(OSError, match=r"."):
            lb_bed.get(port=port)
    said = lb_bed.observe(spec).statuses
    states = Counter(said[each.id] for each in spec.listeners)
    assert states == {"ONLINE": 5, "OFFLINE": 1}


def test_admin_states(lb_bed):
    one, two, _ = three(lb_bed)
    spec = web(lb_bed, one, two)
    lb_bed.apply(spec)
    lb_bed.apply(lb.with_members(spec, dataclasses.replace(one, admin_state_up=False), two))
    assert lb_bed.spread(4) == {"s12": 4}
    lb_bed.apply(lb.with_pool(spec, admin_state_up=False))
    assert lb_bed.get().status == 503
    lb_bed.apply(spec)
    assert lb_bed.spread(4) == {"s11": 2, "s12": 2}
    before = lb_bed.observe(spec).counters[spec.listeners[0].id]["total_connections"]
    off = dataclasses.replace(spec, admin_state_up=False)
    lb_bed.apply(off)
    with pytest.raises(OSError, match=r"."):
        lb_bed.get()
    seen = lb_bed.observe(off)
    assert set(seen.statuses.values()) == {"OFFLINE"}
    assert not seen.drifted
    assert not lb_bed.pids()
    lb_bed.apply(spec)
    assert lb_bed.spread(4) == {"s11": 2, "s12": 2}
    after = lb_bed.observe(spec).counters[spec.listeners[0].id]["total_connections"]
    assert after == before + 4


def test_ipv6_outside_and_inside(lb_bed):
    lb_bed.server(11)
    member = lb.member(11, lbbeds.ipv6("10.9.0.11"), monitor_address=lbbeds.ipv6("10.9.0.11"))
    spec = web(lb_bed, member, healthmonitor=lb.monitor(http_version="1.1"))
    held = (*spec.vip.addresses, Address(address=lbbeds.ipv6(lbbeds.VIP), prefix_length=64))
    spec = dataclasses.replace(spec, vip=dataclasses.replace(spec.vip, addresses=held))
    lb_bed.apply(lb.with_listener(spec, allowed_cidrs=("fd00:9::/64", "10.9.0.0/24")))
    assert lb_bed.spread(2, address=lbbeds.ipv6(lbbeds.VIP)) == lb_bed.spread(2) == {"s11": 2}
    time.sleep(1.5)
    assert lb_bed.status(spec, member.id) == "ONLINE"
    other = lb.member(12, lbbeds.ipv6("10.9.0.12"))
    lb_bed.server(12)
    (pid,) = lb_bed.pids()
    lb_bed.apply(lb.with_members(lb.with_listener(spec, allowed_cidrs=("fd00:9::/64", "10.9.0.0/24")), member, other))
    assert lb_bed.spread(4) == {"s11": 2, "s12": 2}
    assert lb_bed.pids() == [pid]


def test_two_load_balancers_of_the_same_addresses_do_not_meet(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    other = dataclasses.replace(lb_bed.segment, network_id=lb.ident(0xDD), vni=18)
    twin = dataclasses.replace(spec, id=lb.ident(0x2), vip=lb_bed.vip(segment=other, port_id=lb.ident(0xEE)))
    lb_bed.apply(twin)
    assert len(set(lb_bed.pids())) == 2
    lb_bed.driver.remove(twin.id)
    assert lb_bed.spread(2) == {"s11": 2}
