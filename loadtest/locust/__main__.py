"""`python -m loadtest.locust PLAN`: one Locust process of a run, as the conductor starts it.

By hand it adds workers on other machines: `python -m loadtest.locust PLAN --worker --master-host ADDRESS`, with the
run's directory shared, because plan, evidence and results are files there.

Kept: Locust is imported first, because it patches sockets and threads before anything else may hold them; grpc is told
of gevent before its first channel, or bidirectional streams dead-lock.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from locust.main import main as locust_main

LOCUSTFILE = Path(__file__).with_name("locustfile.py")


def main() -> None:
    """Become Locust."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--page", default="", help="host:port for the page; headless without it")
    parser.add_argument("--master", action="store_true")
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--master-host", default="127.0.0.1")
    given = parser.parse_args()
    os.environ["TRUNKLINE_LOAD_PLAN"] = str(given.plan)
    sys.argv = ["locust", *arguments(given)]
    locust_main()  # type: ignore[no-untyped-call]  # Locust ships no types


def arguments(given: argparse.Namespace) -> list[str]:
    """Locust's own command line."""
    from loadtest.load.plan import read_plan
    from loadtest.locust.users import users_of

    plan = read_plan(given.plan)
    users, workers = users_of(plan), plan.scenario.workers
    found = ["-f", str(LOCUSTFILE), "--loglevel", "WARNING", "--stop-timeout", "30"]
    if given.worker:
        return [*found, "--worker", "--master-host", given.master_host]
    found += ["--users", str(users), "--spawn-rate", str(users)]
    if given.master:
        found += ["--master", "--expect-workers", str(workers), "--master-bind-host", "127.0.0.1"]
    if not given.page:
        return [*found, "--headless", "--only-summary"]
    host, _, port = given.page.rpartition(":")
    return [*found, "--web-host", host or "127.0.0.1", "--web-port", port]


if __name__ == "__main__":
    main()
