"""Random supervision trees and random steps in their lives, all from one seed."""

import random

from tests.actors.lab import PATIENCE, Experiment, Reports
from tests.actors.otp_model import Kid, Plan, Sup

# What the random trees have to meet; see `reached` in the model.
SITUATIONS = frozenset(
    (
        "a death is found while stopping",
        "a request finds a child restarting",
        "a retry that is not wanted any more",
        "a supervisor fails to start",
        "a temporary in a group",
        "all significant",
        "any significant",
        "exactly as old as the window",
        "gave up",
        "not the last significant",
        "one that was down in a group",
        "retry",
    )
)

RESTARTS = ("permanent", "permanent", "transient", "temporary")
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
AUTO = ("never", "never", "any_significant", "all_significant")
DEATHS = ("crash", "crash", "crash", "oops", "normal", "shutdown")
VERBS = ("terminate_child", "restart_child", "delete_child")
FAULTS = ("raise", "fail", "fail", "ignore")


def random_plan(rng: random.Random, name: str, *, depth: int) -> Plan:
    """Make up a supervisor and what is below it."""
    auto = rng.choice(AUTO)
    kids = tuple(
        random_kid(rng, f"k{i}", auto=auto, depth=depth)
        for i in range(rng.randint(1, 4 if depth else 3))
    )
    return Plan(
        name,
        restart=rng.choice(RESTARTS),
        kids=kids,
        strategy=rng.choice(STRATEGIES),
        max_restarts=rng.choice((0, 1, 2, 3, 3)),
        max_seconds=rng.choice((1.0, 2.0, 5.0)),
        auto_shutdown=auto,
    )


def random_kid(rng: random.Random, name: str, *, auto: str, depth: int) -> Plan:
    """Make up a child."""
    if depth and rng.random() < 0.25:
        return random_plan(rng, name, depth=depth - 1)
    restart = rng.choice(RESTARTS)
    may = auto != "never" and restart != "permanent"
    return Plan(
        name,
        restart=restart,
        significant=may and rng.random() < 0.6,
        callable=rng.random() < 0.5,
    )


def random_step(rng: random.Random, experiment: Experiment) -> None:
    """Do one thing to a tree whose root lives."""
    sup = rng.choice(experiment.model.sups())
    match rng.choice(
        ("die",) * 6 + ("spoil",) * 3 + ("time", "time", "ask", "ask", "add")
    ):
        case "die":
            kill_some(rng, experiment, sup)
        case "spoil":
            spoil_one(rng, experiment, sup)
        case "time":
            experiment.advance(rng.choice((1.0, 1.0, 2.0, 4.0, 5.0, 5.5)))
        case "ask":
            experiment.ask(sup.path, rng.choice(VERBS), rng.choice(names(sup)))
        case "add":
            kid = random_kid(
                rng,
                rng.choice([*names(sup), "new"]),
                auto=rng.choice(("never", sup.plan.auto_shutdown)),
                depth=0,
            )
            if rng.random() < 0.4:
                experiment.spoil(f"{sup.path}/{kid.id}", ["fail"])
            experiment.add(sup.path, kid)


def names(sup: Sup) -> list[str]:
    return [kid.plan.id for kid in sup.kids] + ["nobody"]


def workers(sup: Sup) -> list[Kid]:
    return [kid for kid in sup.kids if kid.plan.kids is None]


def kill_some(rng: random.Random, experiment: Experiment, sup: Sup) -> None:
    alive = [kid for kid in workers(sup) if kid.state == "up"]
    if not alive:
        return
    victims = rng.sample(alive, min(len(alive), rng.choice((1, 1, 1, 2, 3))))
    deaths = [(victim.path, rng.choice(DEATHS)) for victim in victims]
    if rng.random() < 0.7:
        experiment.die(sup.path, deaths)
        return
    name = rng.choice([victims[-1].plan.id, *names(sup)])
    experiment.die(sup.path, deaths, (rng.choice(VERBS), name))


def spoil_one(rng: random.Random, experiment: Experiment, sup: Sup) -> None:
    if not workers(sup):
        return
    kid = rng.choice(workers(sup))
    faults = FAULTS if kid.plan.callable else ("fail",)
    experiment.spoil(kid.path, rng.choices(faults, k=rng.choice((1, 1, 2, 4))))


def run(seed: int, *, steps: int = 8, patience: float = PATIENCE) -> set[str]:
    """Live through one random tree; give the situations that were met.

    Raises:
        DiffersError: The real supervisors and the model part ways.
    """
    rng = random.Random(seed)
    with Reports() as reports:
        plan = random_plan(rng, "root", depth=2)
        experiment = Experiment(plan, reports, patience)
        try:
            experiment.start()
            for _ in range(steps):
                if not experiment.model.root.alive:
                    break
                random_step(rng, experiment)
            experiment.stop()
        finally:
            experiment.clean()
    return experiment.model.world.reached
