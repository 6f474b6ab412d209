"""`trunkline simulate`: the real actors in virtual time, held against theory, faults, or another configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from cluster.whatif.command import recorded_arrivals, simulate_centre

if TYPE_CHECKING:
    from cluster.simulator.comparison import Comparison


class SimulateGroup(TyperGroup):
    """The group of simulations. `simulate CENTRE.yaml …` is `simulate centre CENTRE.yaml …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0].lower().endswith((".yaml", ".yml")):
            args = ["centre", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="simulate",
    cls=SimulateGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Run the real actors in virtual time: what if, against theory, under faults.",
)
app.command("centre")(simulate_centre)
app.command("arrivals")(recorded_arrivals)

Replications = Annotated[int, typer.Option(min=2, help="Independent runs; their spread gives the interval.")]
Customers = Annotated[int, typer.Option(min=1, help="Customers that count in each run, after its warm-up.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")]
Processes = Annotated[int, typer.Option(min=0, help="Runs at a time; 0: one for each processor.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Agents = Annotated[int, typer.Option(min=1, help="How many agents.")]

HOSTS = [2, 8, 32]
AGENTS = [100, 2_000, 20_000]
WAITING = [0, 10_000, 100_000]


@app.command("erlang-c")
def erlang_c(
    load: Annotated[float, typer.Option(min=0.001, help="Offered load in Erlang: arrivals x mean handling time.")] = 10.0,
    agents: Agents = 14,
    aht_s: Annotated[float, typer.Option(min=0.1, help="Mean handling time.")] = 180.0,
    target_s: Annotated[float, typer.Option(min=0.0, help="The service level's target wait.")] = 20.0,
    replications: Replications = 40,
    customers: Customers = 5_000,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """Patient customers, equal agents: waits against Erlang C. Exit status 1 if a figure is outside its interval."""
    from cluster.simulator.comparison import Run, compare_erlang_c

    run = Run(replications, customers, seed, processes)
    _show(lambda: compare_erlang_c(run, load, agents, aht_s, target_s), as_json)


@app.command("erlang-a")
def erlang_a(
    load: Annotated[float, typer.Option(min=0.001, help="Offered load in Erlang: arrivals x mean handling time.")] = 48.0,
    agents: Agents = 50,
    aht_s: Annotated[float, typer.Option(min=0.1, help="Mean handling time.")] = 60.0,
    patience_s: Annotated[float, typer.Option(min=0.1, help="Mean time until a waiting customer gives up.")] = 120.0,
    replications: Replications = 40,
    customers: Customers = 5_000,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """Customers who give up, equal agents: waits against Erlang A. Exit status 1 if a figure is outside its interval."""
    from cluster.simulator.comparison import Run, compare_erlang_a

    run = Run(replications, customers, seed, processes)
    _show(lambda: compare_erlang_a(run, load, agents, aht_s, patience_s), as_json)


@app.command("n-model")
def skill_based(
    load_a: Annotated[float, typer.Option(min=0.001, help="Load in Erlang of type a, which both agents serve.")] = 1.0,
    load_b: Annotated[float, typer.Option(min=0.001, help="Load in Erlang of type b, which only agent 2 serves.")] = 0.4,
    replications: Replications = 40,
    customers: Customers = 5_000,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """Two agents with different skills: waits against the product form. Exit status 1 if a figure is outside."""
    from cluster.simulator.comparison import Run, compare_n_model

    _show(lambda: compare_n_model(Run(replications, customers, seed, processes), load_a, load_b), as_json)


@app.command("expected-wait")
def expected_wait(
    replications: Annotated[int, typer.Option(min=1, help="Independent runs of each centre.")] = 4,
    customers: Annotated[int, typer.Option(min=1, help="Customers in each run.")] = 4_000,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """How often announced waits come true, in three unlike centres. Exit status 1 if not 87 to 93 % of 90 % intervals do."""
    from cluster.simulator.coverage import CoverageRun, in_words, measure_coverage

    try:
        found = measure_coverage(CoverageRun(replications, customers, seed, processes))
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else in_words(found))
    if not found.within:
        raise typer.Exit(1)


@app.command("skill-based")
def named_model(
    model: Annotated[str, typer.Option(help="n, team, m, w, tower or ring.")] = "n",
    policy: Annotated[str, typer.Option(help="default or reserve.")] = "default",
    replications: Replications = 40,
    customers: Customers = 5_000,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """A small centre with skills: waits against the product form, or with the reserve policy against its Markov chain.

    Exit status 1 if a figure is outside its interval.
    """
    from cluster.simulator.comparison import Run, compare_reserve, compare_skill_based

    compare = {"default": compare_skill_based, "reserve": compare_reserve}.get(policy)
    if compare is None:
        raise typer.BadParameter(f"there is no policy {policy}; there are default and reserve")
    _show(lambda: compare(Run(replications, customers, seed, processes), model), as_json)


@app.command("theory")
def theory(
    replications: Replications = 40,
    customers: Customers = 5_000,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """Erlang C and A and all models with skills, one after the other. Exit status 1 if a figure is outside its interval."""
    from cluster.simulator.comparison import Run, compare_all

    compared = []
    for comparison in compare_all(Run(replications, customers, seed, processes)):
        compared.append(comparison)
        if not as_json:
            typer.echo(f"{in_words(comparison)}\n")
    encoded = msgspec.json.format(msgspec.json.encode(compared), indent=2).decode()
    typer.echo(encoded if as_json else _verdict(compared))
    if not all(comparison.within for comparison in compared):
        raise typer.Exit(1)


@app.command("quality")
def quality(
    model: Annotated[list[str] | None, typer.Option(help="A model to solve; repeat it for several. All when left out.")] = None,
    as_json: Json = False,
) -> None:
    """How far the default and the reserve policy are from the best possible one, exactly, for small centres with skills."""
    from cluster.simulator.quality import as_table, measure_quality

    try:
        found = measure_quality(model)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else as_table(found))


@app.command("faults")
def faults(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to run.")] = 200,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 1,
    only: Annotated[int | None, typer.Option("--seed", min=0, help="Run this one seed again, and tell its story.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Append failing seeds to this file.")] = None,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """Whole clusters under crashes, partitions, zombies, clock jumps and a faulty store. Exit status 1 on a violation."""
    from cluster.simulator.campaign import campaign, in_plain_words

    found = campaign(range(first, first + seeds) if only is None else [only], processes, trace=only is not None)
    if keep is not None and found.failed:
        with keep.open("a") as file:
            file.writelines(f"{failed.seed}\n" for failed in found.failed)
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else in_plain_words(found))
    if found.failed:
        raise typer.Exit(1)


@app.command("scale")
def scale(
    hosts: Annotated[list[int], typer.Option(min=2, help="A size to run; repeat it for several.")] = HOSTS,
    shards: Annotated[int, typer.Option(min=1, help="Shards, the same for every size, as in a cluster that grows.")] = 512,
    sessions: Annotated[int, typer.Option(min=1, help="Live conversations on each host.")] = 50,
    message_every_s: Annotated[float, typer.Option(min=0.1, help="How often each customer writes and is answered.")] = 25.0,
    handling_s: Annotated[float, typer.Option(min=1.0, help="Mean length of a conversation.")] = 150.0,
    hosts_a_gateway: Annotated[int, typer.Option(min=1, help="One gateway for so many hosts.")] = 2,
    call_ms: Annotated[float, typer.Option(min=0.0, help="Mean time of a call there and back, without the work.")] = 0.8,
    commit_ms: Annotated[float, typer.Option(min=0.0, help="Mean time of a pipeline of commits.")] = 1.5,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
) -> None:
    """Clusters of many hosts, each with the same load: what grows with the number of hosts. Exit status 1 on a violation."""
    from cluster.simulator.scale import Delays, ScaleOptions
    from cluster.simulator.sizes import side_by_side, simulate_sizes

    delays = Delays(call_ms, commit_ms)
    sizes = [
        ScaleOptions(count, shards, hosts_a_gateway, sessions, message_every_s, handling_s, seed=seed, delays=delays)
        for count in hosts
    ]
    found = simulate_sizes(sizes, processes)
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else side_by_side(found))
    if any(result.violations for result in found):
        raise typer.Exit(1)


@app.command("costs")
def costs(
    agents: Annotated[list[int], typer.Option(min=2, help="Agents in the routing domain; repeat it for several.")] = AGENTS,
    waiting: Annotated[list[int], typer.Option(min=0, help="Interactions waiting; repeat it for several.")] = WAITING,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to commit to a store, for each size of pipeline.")] = 3.0,
    as_json: Json = False,
) -> None:
    """What one routing domain, shard table, call and store cost on this machine, each alone."""
    from cluster.simulator.costs import in_words, measure_costs

    found = measure_costs(tuple(agents), tuple(sorted(waiting)), seconds)
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else in_words(found))


def _show(compare: Callable[[], Comparison], as_json: bool) -> None:
    """Run, print, and end with what it means."""
    import msgspec

    try:
        comparison = compare()
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode())
    else:
        typer.echo(in_words(comparison))
    if not comparison.within:
        raise typer.Exit(1)


def _verdict(compared: list[Comparison]) -> str:
    figures = [figure for comparison in compared for figure in comparison.figures]
    within = sum(figure.within for figure in figures)
    confidence = compared[0].confidence
    chance = min(1.0, (1 - confidence) * len(figures))
    return (
        f"{within} of {len(figures)} figures within their {100 * confidence:g} % intervals; if all are right, one at least is"
        f" outside with at most {100 * chance:.0f} % of seeds"
    )


def in_words(comparison: Comparison) -> str:
    """The comparison as a small table."""
    parameters = ", ".join(f"{name} {value:g}" for name, value in comparison.parameters.items())
    lines = [
        f"{comparison.model}: {parameters}",
        f"{comparison.customers:,} customers in {comparison.replications} runs, {comparison.seconds:g} s",
        "",
        f"{'':22}{'exact':>12}{'simulated':>12}  {100 * comparison.confidence:g} % interval",
    ]
    for figure in comparison.figures:
        name = f"{figure.name.replace('_', ' ')}{f' ({figure.unit})' if figure.unit else ''}"
        verdict = "" if figure.within else "  OUTSIDE"
        lines.append(f"{name:22}{figure.exact:12.6g}{figure.mean:12.6g}  {figure.low:.6g} to {figure.high:.6g}{verdict}")
    if comparison.pooled_floor_s is not None and comparison.above_floor is not None:
        lines += [
            "",
            f"{100 * comparison.above_floor:.0f} % above the pooled bound of {comparison.pooled_floor_s:g} s, a floor",
        ]
    return "\n".join(lines)
