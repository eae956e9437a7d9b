"""Run the load test with Locust as a library."""

# ruff: noqa: T201 - a command prints

import sys

import gevent

# First, since it replaces the blocking parts of the standard library.
import locust.log
from locust.env import Environment
from locust.html import get_html_report
from locust.stats import StatsEntry, stats_history

from load import options, report, thresholds
from load.payloads import CorpusError, Payloads, read_sentences
from load.target import TargetError
from load.thresholds import Outcome, ThresholdError
from load.users import user_classes


def main(arguments: list[str]) -> int:
    """Run and report; see the parser's epilog for what is returned."""
    given = options.parser().parse_args(arguments)
    try:
        target = options.chosen_target(given)
        limits = thresholds.read(given.thresholds)
        payloads = Payloads(read_sentences(given.corpus), repeats=given.repeats, seed=given.seed)
        users = user_classes(target, given.mix, given.pause, payloads)
    except (TargetError, CorpusError, ThresholdError, ValueError) as error:
        print(f"load-test: {error}", file=sys.stderr)
        return 2
    locust.log.setup_logging("WARNING")
    environment = Environment(user_classes=users, catch_exceptions=True)
    runner = environment.create_local_runner()
    gevent.spawn(stats_history, runner)
    print(f"{given.users} users for {given.duration:g} s, mix {given.mix} …", file=sys.stderr)
    runner.start(given.users, spawn_rate=given.spawn_rate)
    gevent.sleep(given.duration)
    runner.quit()
    entries = sorted(environment.stats.entries.values(), key=lambda entry: entry.name)
    outcomes = [_outcome(entry, given.duration) for entry in entries]
    errors = [f"{each.name}: {each.error} ({each.occurrences}x)" for each in environment.stats.errors.values()]
    errors += [f"{each['msg']} ({each['count']}x)" for each in runner.exceptions.values()]
    broken = thresholds.violations(limits, outcomes)
    if not outcomes:
        broken.append("no request was sent")
    # An error of the load test itself sends no request, and would pass unseen.
    broken += [f"error in the load test: {each['msg']}" for each in runner.exceptions.values()]
    report.write(given.output, outcomes, options.settings(given), errors, broken)
    (given.output / "load-test.html").write_text(get_html_report(environment, show_download_link=False))
    print(report.table(outcomes))
    for line in (*errors, *(f"NOT KEPT {each}" for each in broken)):
        print(line)
    return 1 if broken else 0


def _outcome(entry: StatsEntry, seconds: float) -> Outcome:
    return Outcome(
        name=entry.name,
        requests=entry.num_requests,
        failures=entry.num_failures,
        mean_ms=entry.avg_response_time,
        p50_ms=entry.get_response_time_percentile(0.50),
        p95_ms=entry.get_response_time_percentile(0.95),
        p99_ms=entry.get_response_time_percentile(0.99),
        max_ms=entry.max_response_time,
        requests_per_second=entry.num_requests / seconds,
        mean_bytes=entry.avg_content_length,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
