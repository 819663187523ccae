import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcfabric.agent.schedule import REMEMBERED, Schedule, backoff
from tests.unit.agent.things import apply_, failed, ok, remove_


@pytest.fixture
def schedule():
    return Schedule(retry_min=0.5, retry_max=60.0, wait_min=2.0, uniform=lambda low, high: 1.0)


def run(schedule, now=0.0, report=ok):
    """Take one task and finish it; returns it and what is told."""
    task = schedule.take(now)
    assert task is not None
    return task, schedule.finish(task, report(task), now)


def test_a_task_is_done_and_told_once(schedule):
    assert schedule.submit(apply_("a", 3)) is None
    task, told = run(schedule)
    assert (task.id, task.generation) == ("a", 3)
    assert told == {
        "id": "a",
        "generation": 3,
        "ok": True,
        "code": "",
        "error": "",
        "detail": "",
        "removed": False,
    }
    assert schedule.take(100.0) is None
    assert schedule.next_due() is None


def test_the_newest_wins_and_those_between_are_never_run(schedule):
    for generation in (1, 2, 3):
        schedule.submit(apply_("a", generation))
    task, _ = run(schedule)
    assert task.generation == 3
    assert schedule.take(0.0) is None


def test_an_older_one_is_dropped(schedule):
    schedule.submit(apply_("a", 3))
    run(schedule)
    assert schedule.submit(apply_("a", 2)) is None
    assert schedule.take(0.0) is None


def test_one_at_a_time_per_instance_and_many_at_once(schedule):
    schedule.submit(apply_("a", 1))
    first = schedule.take(0.0)
    schedule.submit(apply_("a", 2))
    schedule.submit(apply_("a", 3))
    schedule.submit(apply_("b", 1))
    assert schedule.take(0.0).id == "b"
    assert schedule.take(0.0) is None
    assert schedule.finish(first, ok(first), 0.0)["generation"] == 1
    assert schedule.take(0.0).generation == 3


def test_a_failure_of_one_that_was_superseded_is_not_told(schedule):
    schedule.submit(apply_("a", 1))
    first = schedule.take(0.0)
    schedule.submit(apply_("a", 2))
    assert schedule.finish(first, failed(first, retry=False), 0.0) is None
    assert schedule.take(0.0).generation == 2


def test_a_duplicate_is_not_done_again_but_told_again(schedule):
    schedule.submit(apply_("a", 1))
    assert schedule.submit(apply_("a", 1)) is None  # not answered yet
    _, told = run(schedule)
    assert schedule.submit(apply_("a", 1)) == told
    assert schedule.take(0.0) is None


def test_other_content_under_the_same_generation_is_done(schedule):
    schedule.submit(apply_("a", 1))
    run(schedule)
    assert schedule.submit(apply_("a", 1, vteps=["10.0.0.2"])) is None
    assert run(schedule)[0].spec.vteps == ("10.0.0.2",)


def test_failures_are_retried_further_and_further_apart_and_told_once(schedule):
    schedule.submit(apply_("a", 1))
    now, pauses = 0.0, []
    _, told = run(schedule, now, failed)
    assert (told["ok"], told["code"], told["error"]) == (False, "x.no", "no")
    for _ in range(9):
        pauses.append(schedule.next_due() - now)
        assert schedule.take(schedule.next_due() - 0.01) is None
        now = schedule.next_due()
        assert run(schedule, now, failed)[1] is None
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    now = schedule.next_due()
    assert run(schedule, now, lambda task: failed(task, "other"))[1]["error"] == "other"
    now = schedule.next_due()
    assert run(schedule, now)[1]["ok"] is True


def test_a_duplicate_does_not_shorten_the_wait_for_a_retry(schedule):
    schedule.submit(apply_("a", 1))
    _, told = run(schedule, 0.0, failed)
    assert schedule.submit(apply_("a", 1)) == told
    assert schedule.take(0.1) is None


def test_a_new_generation_starts_at_once_and_from_the_shortest_wait(schedule):
    schedule.submit(apply_("a", 1))
    now = 0.0
    for _ in range(5):
        run(schedule, now, failed)
        now = schedule.next_due()
    schedule.submit(apply_("a", 2))
    task, _ = run(schedule, 0.0, failed)
    assert task.generation == 2
    assert schedule.next_due() == 0.5


def test_what_cannot_help_is_not_retried_until_a_new_generation(schedule):
    schedule.submit(apply_("a", 1))
    _, told = run(schedule, 0.0, lambda task: failed(task, retry=False))
    assert told["ok"] is False
    assert schedule.next_due() is None
    assert schedule.submit(apply_("a", 1)) == told
    assert schedule.next_due() is None
    schedule.submit(apply_("a", 2))
    assert run(schedule)[1]["ok"] is True


def test_jitter_spreads_and_stays_within_bounds():
    drawn = [backoff(1, 0.5, 60.0, random.Random(n).uniform) for n in range(50)]
    assert len(set(drawn)) > 40
    assert 0.4 <= min(drawn) < max(drawn) <= 0.6
    assert backoff(1000, 0.5, 60.0, random.uniform) <= 60.0


def test_waiting_for_another_reports_nothing_and_goes_on_when_that_is_done(schedule):
    schedule.submit(apply_("fip"))
    assert run(schedule, 0.0, lambda task: failed(task, waits_for="router"))[1] is None
    assert schedule.submit(apply_("fip")) is None
    assert schedule.take(0.0) is None
    schedule.submit(apply_("router"))
    assert run(schedule)[0].id == "router"
    task, told = run(schedule)
    assert (task.id, told["ok"]) == ("fip", True)
    schedule.submit(apply_("router", 2))  # the wait is over: not woken again
    run(schedule)
    assert schedule.take(100.0) is None


def test_the_other_was_done_while_it_ran(schedule):
    schedule.submit(apply_("fip"))
    fip = schedule.take(0.0)
    schedule.submit(apply_("router"))
    run(schedule)
    schedule.finish(fip, failed(fip, waits_for="router"), 0.0)
    assert schedule.take(0.0).id == "fip"


def test_a_failed_other_wakes_nobody(schedule):
    schedule.submit(apply_("fip"))
    run(schedule, 0.0, lambda task: failed(task, waits_for="router"))
    schedule.submit(apply_("router"))
    assert run(schedule, 0.0, failed)[0].id == "router"
    assert schedule.take(0.0) is None


def test_waiting_falls_back_to_slow_retries(schedule):
    schedule.submit(apply_("fip"))
    now, pauses = 0.0, []
    for _ in range(7):
        run(schedule, now, lambda task: failed(task, waits_for="router"))
        pauses.append(schedule.next_due() - now)
        now = schedule.next_due()
    assert pauses == [2, 4, 8, 16, 32, 60, 60]


def test_a_new_generation_ends_a_wait(schedule):
    schedule.submit(apply_("fip"))
    run(schedule, 0.0, lambda task: failed(task, waits_for="router"))
    schedule.submit(apply_("fip", 2))
    assert run(schedule)[0].generation == 2


def test_a_removal_beats_an_apply_of_its_generation_or_older(schedule):
    schedule.submit(apply_("a", 2))
    schedule.submit(remove_("a", 2))
    schedule.submit(apply_("a", 2))
    schedule.submit(apply_("a", 1))
    task, told = run(schedule)
    assert task.removes
    assert (told["removed"], told["generation"]) == (True, 2)
    assert schedule.take(0.0) is None


def test_a_removal_that_is_older_than_the_apply_is_dropped(schedule):
    schedule.submit(apply_("a", 2))
    run(schedule)
    schedule.submit(remove_("a", 1))
    assert schedule.take(0.0) is None


def test_a_removal_waits_for_the_running_apply(schedule):
    schedule.submit(apply_("a", 1))
    first = schedule.take(0.0)
    schedule.submit(remove_("a", 2))
    assert schedule.take(0.0) is None
    assert schedule.finish(first, ok(first), 0.0) is None
    assert run(schedule)[1]["removed"] is True


def test_an_apply_that_comes_late_does_not_bring_it_back(schedule):
    schedule.submit(remove_("a", 5))
    _, told = run(schedule)
    schedule.submit(apply_("a", 4))
    assert schedule.take(0.0) is None
    assert schedule.submit(remove_("a", 5)) == told
    assert schedule.take(0.0) is None


def test_it_can_come_back_unchanged_or_newer(schedule):
    for generation in (5, 6):
        schedule.submit(remove_("a", 5))
        run(schedule) if generation == 5 else None
        schedule.submit(apply_("a", generation))
        assert run(schedule)[0].generation == generation


def test_removals_are_remembered_within_bounds(schedule):
    for number in range(REMEMBERED + 5):
        schedule.submit(remove_(str(number), 5))
        run(schedule)
    assert schedule.submit(remove_("0", 5)) is None  # forgotten: done again
    assert schedule.take(0.0).id == "0"
    assert schedule.submit(remove_("9", 5))["removed"] is True


def test_a_failed_removal_is_always_retried(schedule):
    schedule.submit(remove_("a", 5))
    _, told = run(schedule, 0.0, lambda task: failed(task, retry=False))
    assert (told["ok"], told["removed"]) == (False, False)
    assert run(schedule, schedule.next_due())[1]["removed"] is True


def test_repair_of_what_works_is_silent(schedule):
    schedule.submit(apply_("a", 1))
    run(schedule)
    assert schedule.repair(apply_("a", 1))
    assert not schedule.repair(apply_("a", 1))  # under way
    assert run(schedule)[1] is None


def test_repair_that_fails_is_told_and_retried(schedule):
    schedule.submit(apply_("a", 1))
    run(schedule)
    schedule.repair(apply_("a", 1))
    assert run(schedule, 0.0, failed)[1]["ok"] is False
    assert run(schedule, schedule.next_due())[1]["ok"] is True


def test_repair_of_the_last_good_leaves_the_refused_one_as_it_is(schedule):
    schedule.submit(apply_("a", 2))
    _, refused = run(schedule, 0.0, lambda task: failed(task, retry=False))
    assert schedule.repair(apply_("a", 1))
    task, told = run(schedule)
    assert (task.generation, told) == (1, None)
    assert schedule.take(100.0) is None
    assert schedule.submit(apply_("a", 2)) == refused


def test_repair_does_not_end_the_retries_of_the_newest(schedule):
    schedule.submit(apply_("a", 2))
    run(schedule, 0.0, failed)
    assert schedule.repair(apply_("a", 1))
    assert run(schedule, 0.1)[0].generation == 1
    assert run(schedule, schedule.next_due())[0].generation == 2


def test_what_is_unknown_or_being_removed_is_not_repaired(schedule):
    assert not schedule.repair(apply_("a", 1))
    schedule.submit(remove_("a", 1))
    run(schedule, 0.0, failed)
    assert not schedule.repair(apply_("a", 1))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from("srfw")), max_size=40), st.randoms())
def test_whatever_comes_in_whatever_order_the_newest_is_what_ends_up_there(events, rng):
    schedule, now, running = Schedule(uniform=rng.uniform), 0.0, None
    there, best = None, None
    for generation, removes, what in events:
        if what == "s":
            task = remove_("a", generation) if removes else apply_("a", generation)
            schedule.submit(task)
            if best is None or (generation, removes) > best:
                best = (generation, removes)
        elif what == "r" and running is None:
            running = schedule.take(now)
        elif running is not None:
            report = failed(running, waits_for="b" if what == "w" else "") if rng.random() < 0.4 else ok(running)
            if report.ok:
                there = None if running.removes else running.generation
            schedule.finish(running, report, now)
            running = None
        now += 0.1
    for _ in range(10):
        if running is None:
            due = schedule.next_due()
            if due is None:
                break
            now = max(now, due)
            running = schedule.take(now)
        there = None if running.removes else running.generation
        schedule.finish(running, ok(running), now)
        running = None
    assert schedule.next_due() is None
    if best is not None:
        generation, removed = best
        # After a removal is done, the same generation may be applied again (the instance came back).
        assert there == generation or (removed and there is None)
