"""`python -m loadtest.bench`: measures the router alone, then a product of its own, and writes `build/bench.json`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from loadtest.bench import router
from loadtest.bench.run import Figures, Options, measure
from loadtest.bench.timed_gateway import FILE_VARIABLE
from loadtest.product import OwnProduct

RESULT = Path("build/bench.json")
CENTRE = Path(__file__).parent / "centre.yaml"


async def bench(runtime: str, options: Options) -> Figures:
    """Start a product with the benchmark's centre and plug-in, measure it, end it."""
    with tempfile.TemporaryDirectory() as directory:
        times = Path(directory) / "times"
        product = OwnProduct(
            runtime,
            centre=CENTRE.read_text(),
            settings={"plugins": "[loadtest.bench.null_actor]"},
            gateway_factory="loadtest.bench.timed_gateway:open_timed_gateway",
            environment={FILE_VARIABLE: str(times)},
        )
        return await _bench(product, replace(options, times_file=times))


async def _bench(product: OwnProduct, options: Options) -> Figures:
    async with product as access:
        tokens = {"gateway": access.gateway_token, "desk": access.desk_token, "admin": access.admin_token}
        options = replace(
            options,
            ray_address=access.ray_address,
            environment=product.environment(),
            pid=access.pid,
            store_url=access.store_url,
        )
        return await measure(access.targets[0], tokens, options)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure each throughput")
    parser.add_argument("--runtime", choices=("ray", "process"), default="ray")
    parser.add_argument("--only", choices=("router",), help="measure this alone; the router's needs no product")
    parser.add_argument("--json", action="store_true", help="print the JSON document only")
    given = parser.parse_args()
    # A minute's garbage fits into memory; a generator that pauses to collect it would send everything afterwards at once.
    gc.disable()
    options = Options(throughput_s=given.seconds, offers_s=given.seconds * 1.5)
    measured = router.figures()  # While there is no product yet that would take its share of the cores.
    if not given.only:
        measured |= asyncio.run(bench(given.runtime, options))
    figures = {name: round(value, 4) for name, value in measured.items()}
    text = json.dumps(figures, indent=2)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n")
    if given.json:
        sys.stdout.write(text + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:40} {value:>12,.3f}\n")
    sys.stdout.write(f"written to {RESULT}\n")


if __name__ == "__main__":
    main()
