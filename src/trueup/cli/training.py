"""`trueup train`: learn from the brand's own past now, and print each model's card."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, run
from trueup.kernel.clock import SystemClock
from trueup.models.finding import Absent, find_model, find_models
from trueup.models.model import Model, Tell
from trueup.models.reads import tell_card
from trueup.models.train import Trained, train_model
from trueup.session import Session


def train(
    name: Annotated[
        str | None, typer.Argument(help="Only this model; else all.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Train now, as it is done every night, and say how well each model does on newer days.

    A model that does not beat the rule below it is kept, and the rule is used.
    """
    now = SystemClock().now()

    async def work(session: Session) -> list[Trained | Absent]:
        known = find_models() if name is None else {name: find_model(name)}
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=err, disable=as_json, transient=True) as progress:
            return [
                each if isinstance(each, Absent) else await _train(session, each, now, progress)
                for each in known.values()
            ]

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"models": [_document(each) for each in found]})
    else:
        for each in found:
            out.print(escape(_in_words(each, now)), soft_wrap=True)
    raise typer.Exit(FOUND_PROBLEMS if any(isinstance(each, Absent) for each in found) else DONE)


async def _train(session: Session, model: Model, now: datetime, progress: Progress) -> Trained:
    async with session.connection() as conn:
        return await train_model(
            conn,
            session.hub,
            model,
            now,
            drift_share=session.hub.models.drift_share,
            tell=_teller(progress, model.name),
        )


def _teller(progress: Progress, name: str) -> Tell:
    bar = progress.add_task(name, total=1.0)

    def tell(doing: str, share: float) -> None:
        progress.update(bar, description=f"{name}: {doing}", completed=share)

    return tell


def _document(each: Trained | Absent) -> dict[str, Any]:
    if isinstance(each, Absent):
        return {"model": each.name, "trained_id": None, "lacking": each.why}
    told: dict[str, Any] = msgspec.structs.asdict(each)
    return told | {"beats": None if each.card is None else each.card.beats}


def _in_words(each: Trained | Absent, now: datetime) -> str:
    if isinstance(each, Absent):
        return f"{each.name}: not trained. It {each.why}"
    if each.card is None:
        return f"{each.model}: not trained. {each.lacking}"
    lines = [tell_card(each.model, each.card, now)]
    if each.watched is not None:
        watched = each.watched
        said = "worse than its card" if watched.drifted else "about as on its card"
        lines.append(
            f"An older one did {said} on {watched.score.since} to {watched.score.until}: "
            f"{watched.name} {watched.score.value:.4g}, on its card {watched.carded:.4g}."
        )
    return "\n".join(lines)
