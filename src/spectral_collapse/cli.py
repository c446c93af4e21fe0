"""The command line: data, training, studies, results, and a look at the installation.

What takes long to import is imported by the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import spectral_collapse
from spectral_collapse.errors import (
    DataError,
    InvalidParameterError,
    SpectralCollapseError,
    first_line,
    out_of_memory,
    shown,
)

if TYPE_CHECKING:
    from spectral_collapse.networks import Model


def command() -> NoReturn:
    """`main` as a program: an interrupted one ends at once, and with it the processes that it has started."""
    warnings.formatwarning = _warning
    status = main()
    if status == INTERRUPTED:
        try:
            sys.stdout.flush()
        finally:
            os._exit(status)
    sys.exit(status)


def _warning(message: object, category: type[Warning], *where: object) -> str:
    """A warning as a program says it: without a place in its code, which tells its user nothing."""
    return f"spectral-collapse: {'' if category is UserWarning else f'{category.__name__}: '}{message}\n"


INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 where `doctor` found something broken or `diagnose --check` a
    collapse, 2 for what the user can fix, 130 when interrupted."""
    interrupts: list[int] = []
    try:
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed, as by >&-
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        with _listening(interrupts):
            return _run(sys.argv[1:] if arguments is None else arguments)
    except SystemExit:
        raise
    except BaseException as error:
        # What imports something while it is interrupted may say so by an error of its own.
        if interrupts or isinstance(error, KeyboardInterrupt):
            return _say("interrupted; what was finished is kept", INTERRUPTED)
        if isinstance(error, SpectralCollapseError):
            return _say(error, 2)
        if isinstance(error, OSError) and error.filename is None and (lost := _lost_output()):
            return 0 if isinstance(lost, BrokenPipeError) else _say(f"the output is lost: {lost.strerror}", 2)
        if isinstance(error, OSError) and not isinstance(error, ConnectionError):
            where = "" if error.filename is None else f": {shown(error.filename)}"
            return _say(f"{error.strerror or error}{where}", 2)
        if out_of_memory(error):
            said = f"the memory does not suffice ({first_line(error)})"
            return _say(f"{said}; fewer images at a time, or smaller ones, need less", 2)
        if any(frame.f_code.co_name == "_call_impl" for frame, _ in traceback.walk_tb(error.__traceback__)):
            return _say(f"the network failed: {type(error).__name__}: {first_line(error)}", 2)
        raise


@contextlib.contextmanager
def _listening(interrupts: list[int]) -> Iterator[None]:
    """Notes interrupts, which stay KeyboardInterrupts, in a list.

    An import of C code may swallow one: it comes again every few seconds until the command has ended.
    """

    def note(number: int, _: object) -> NoReturn:
        interrupts.append(number)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, note)
            signal.setitimer(signal.ITIMER_REAL, 3)
        raise KeyboardInterrupt

    # Not in a thread, which receives no signals, nor where they are ignored, as in the background of a shell.
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if interrupts and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def _run(arguments: Sequence[str]) -> int:
    try:
        options = _parser(arguments).parse_args(arguments)
    except SystemExit:  # --help and --version
        sys.stdout.flush()
        raise
    status = options.command(options) or 0
    sys.stdout.flush()
    return status


def _say(what: object, status: int) -> int:
    print(f"spectral-collapse: {what}", file=sys.stderr)
    return status


def _lost_output() -> OSError | None:
    """Why nothing can be printed, if so: a full disk, or a pipe whose reader has gone, as with `| head`."""
    try:
        print(flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush at the end
        return error
    return None


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands, with the options of those studies that are among the arguments."""
    from spectral_collapse.studies import STUDIES

    class Parser(argparse.ArgumentParser):
        """One line for a wrong argument."""

        def error(self, message: str) -> NoReturn:
            raise InvalidParameterError(f"{message}; '{self.prog} --help' says what there is")

    parser = Parser("spectral-collapse", description=spectral_collapse.__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=spectral_collapse.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    data = commands.add_parser("data", help="list and download data sets")
    data_commands = data.add_subparsers(required=True, metavar="COMMAND")
    _add(data_commands, "list", _data_list, "list the data sets and where their images come from")
    official = "download the real images of a data set from their official address"
    fetch = _add(data_commands, "fetch", _data_fetch, official)
    fetch.add_argument("name", metavar="NAME", help="a data set that 'data list' offers for download, such as bbbc021")
    fetch.add_argument("--folder", type=Path, help="where to create its folder NAME (default: data/downloads)")
    fetch.add_argument("--first", type=int, metavar="N", help="only the first N files (bbbc021: a table, 55 plates)")

    train = _add(commands, "train", _train, "train a network")
    train.add_argument(
        "recipe", metavar="RECIPE", help="such as photos, bbbc021-edm, edges2shoes-dit, or a TOML file of your own"
    )
    train.add_argument("--profile", default="quick", help="smoke, quick, gpu or paper (default: %(default)s)")
    train.add_argument("--resume", action="store_true", help="go on from the newest saved state")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: %(default)s)")
    train.add_argument("--steps", type=int, help="optimiser steps (default: the recipe's)")
    train.add_argument("--minutes", type=float, help="stop after so many minutes, unless the steps end before")
    train.add_argument("--source", help="real, rendered or auto images (default: the recipe's)")
    train.add_argument("--root", type=Path, help="folder with real images (default: SPECTRAL_COLLAPSE_DATA)")
    train.add_argument("--name", help="name of the run under data/runs (default: the recipe's)")
    train.add_argument("--output", type=Path, help="folder of the checkpoint (default: data/runs/NAME/model)")

    relay = _add(commands, "relay", _relay, "train recipes in turn at low priority; goes on where it was stopped")
    relay.add_argument("recipes", nargs="+", metavar="RECIPE", help="names, or TOML files, in the order of training")
    relay.add_argument("--profile", default="quick", help="smoke, quick, gpu or paper (default: %(default)s)")
    relay.add_argument("--together", type=int, default=1, help="how many to train at a time (default: %(default)s)")
    relay.add_argument("--minutes", type=float, help="save the states and end after so many minutes")
    relay.add_argument(
        "--nice", type=int, default=10, help="by how much to lower their priority (default: %(default)s)"
    )

    study = commands.add_parser("study", help="run a study and store its result")
    study_commands = study.add_subparsers(required=True, metavar="STUDY")
    for name, question in STUDIES.questions.items():
        one = _add(study_commands, name, _study, question, description=question)
        one.set_defaults(study=name)
        if name in arguments:  # only then is it imported
            _add_study_options(one, name)

    results = commands.add_parser("results", help="stored results")
    results_commands = results.add_subparsers(required=True, metavar="COMMAND")
    _add(results_commands, "list", _results_list, "list what is stored")
    shows = "list the results that the book's pages show, and whether they are included"
    status = _add(results_commands, "status", _results_status, shows)
    status.add_argument("--check", action="store_true", help="fail unless exactly these results are included")
    computes = "compute the results that pages show and that are not included yet"
    update = _add(results_commands, "update", _results_update, computes)
    rekey = _add(
        results_commands, "rekey", _results_rekey, "carry included results over to code that computes the same"
    )
    rekey.add_argument("--from", dest="since", metavar="COMMIT", help="the commit whose code computed the results")
    rekey.add_argument("--no-progress", action="store_true", help="show no progress bar")
    for command in (status, update, rekey):
        command.add_argument("--profile", default="quick", help="smoke, quick or paper (default: %(default)s)")
    _add_where(update)

    translate = _add(commands, "translate", _translate, "translate a folder of images with a model of your own")
    _add_model_options(translate)
    translate.add_argument("--output", type=Path, required=True, metavar="OUT", help="a new folder, or one to continue")
    translate.add_argument("--method", default="standard", help="inversion method, such as taba (default: %(default)s)")
    translate.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the method")
    translate.add_argument("--steps", type=_at_least(1), default=50, help="steps up and down (default: %(default)s)")
    translate.add_argument("--tiles", action="store_true", help="cut larger images into overlapping tiles")
    translate.add_argument("--seed", type=int, default=0, help="seed of random noise (default: %(default)s)")
    translate.add_argument("--latents", action="store_true", help="also write the latents, as NAME.npy")
    translate.add_argument("--strict", action="store_true", help="stop at an image that cannot be read")

    score = _add(commands, "score", _score, "score a folder of images, whoever made them")
    score.add_argument("images", type=Path, metavar="OUT", help="a folder of translated images")
    score.add_argument("--source", type=Path, metavar="DIR", help="their sources, with the same names")
    score.add_argument(
        "--target", type=Path, metavar="DIR", help="true targets with the same names, or any real images"
    )
    score.add_argument("--size", type=_at_least(1), help="resize all to this height and width (default: their own)")
    score.add_argument(
        "--cutoff", type=float, help="cutoff of S_LF, as a fraction of Nyquist (default: 7.7 cycles per image)"
    )
    score.add_argument("--weights", type=Path, metavar="DIR", help="a folder with weights of Inception and LPIPS")
    score.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: %(default)s)")
    score.add_argument("--csv", type=Path, metavar="FILE", help="write the table to a file")
    score.add_argument("--json", type=Path, metavar="FILE", help="write all values, image by image, to a file")

    diagnose = _add(commands, "diagnose", _diagnose, "does your model collapse, and which method mends it?")
    _add_model_options(diagnose)
    diagnose.add_argument("--target", type=Path, metavar="DIR", help="real images of the target domain, paired by name")
    diagnose.add_argument(
        "--output", type=Path, required=True, metavar="REPORT", help="writes REPORT.html and REPORT.nc"
    )
    diagnose.add_argument(
        "--sample", type=_at_least(2), default=16, help="how many of the images to use (default: %(default)s)"
    )
    diagnose.add_argument("--steps", type=_at_least(1), default=16, help="steps up and down (default: %(default)s)")
    diagnose.add_argument("--seed", type=int, default=0, help="seed of all noise (default: %(default)s)")
    diagnose.add_argument("--all", action="store_true", help="try all methods, not only the cheap ones")
    diagnose.add_argument("--check", action="store_true", help="exit with status 1 if the model collapses")
    diagnose.add_argument("--overwrite", action="store_true", help="replace an earlier report")

    _add(commands, "doctor", _doctor, "check what is installed and found here, and whether it is intact")
    return parser


def _add(group: Any, name: str, command: Callable[..., object], text: str, **options: Any) -> argparse.ArgumentParser:
    """The parser of a command of a group, by the function that runs it."""
    parser = group.add_parser(name, help=text, **options)
    parser.set_defaults(command=command)
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    """What reads a whole number of at least `least` from a command line."""

    def read(text: str) -> int:
        try:
            if (number := int(text)) >= least:
                return number
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"it must be a whole number of at least {least}, and is {text!r}")

    return read


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    """A user's own model and images, and how they are computed with."""
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a checkpoint, or a folder of diffusers; leave it out with --model or --source-model",
    )
    parser.add_argument("images", type=Path, metavar="IMAGES", help="a folder of images; sub-folders are included")
    parser.add_argument(
        "--model", dest="function", metavar="MODULE:FUNCTION", help="your function that returns the model"
    )
    parser.add_argument("--source-model", metavar="A", help="a model for inversion, used with --target-model")
    parser.add_argument("--target-model", metavar="B", help="a model for sampling, used with --source-model")
    parser.add_argument("--source-prompt", metavar="WORDS", help="words for the source, for a model that reads prompts")
    parser.add_argument("--target-prompt", metavar="WORDS", help="words for the target")
    parser.add_argument("--source-class", type=int, metavar="N", help="the source's class, for a model of classes")
    parser.add_argument("--target-class", type=int, metavar="N", help="the target's class")
    parser.add_argument(
        "--guidance", type=float, default=1.0, help="guidance scale in sampling (default: 1, no guidance)"
    )
    parser.add_argument(
        "--size", type=_at_least(1), help="resize images to this height and width (default: the model's)"
    )
    parser.add_argument("--batch", type=_at_least(1), default=16, help="images at a time (default: %(default)s)")
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16 (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: %(default)s)")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _model(options: argparse.Namespace) -> Model:
    import diffusers

    from spectral_collapse.networks import open_model

    diffusers.utils.logging.disable_progress_bar()
    if None not in (options.model, options.function):
        raise InvalidParameterError("MODEL and --model were given; give one of them")

    def told(end: str) -> str | int | None:
        number = getattr(options, f"{end}_class")
        return getattr(options, f"{end}_prompt") if number is None else number

    return open_model(
        options.function or options.model,
        source=told("source"),
        target=told("target"),
        source_model=options.source_model,
        target_model=options.target_model,
        dtype=options.dtype,
        device=options.device,
    )


def _settings(given: list[str]) -> dict[str, object]:
    """KEY=VALUE of a command line: numbers, true and false where they are written so, else text."""
    found = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            raise InvalidParameterError(f"--set takes KEY=VALUE, such as fraction=0.04; {shown(one)} was given")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def _of_a_run(options: argparse.Namespace) -> dict[str, object]:
    """What `translate` and `diagnose` both take."""
    return {
        **{"num_steps": options.steps, "guidance": options.guidance, "size": options.size},
        **{"batch_size": options.batch, "seed": options.seed, "progress": not options.no_progress},
    }


def _wait(what: str) -> None:
    """Says on a terminal what the first seconds are spent on, in which nothing else is said."""
    if sys.stderr.isatty():
        print(f"spectral-collapse: loading {what}", file=sys.stderr)


def _translate(options: argparse.Namespace) -> None:
    _wait("the model")
    from spectral_collapse import inversion
    from spectral_collapse.translation import translate_folder

    model = _model(options) if options.function else None  # its module may hold the method, too
    method = inversion.create(options.method, **_settings(options.set))
    found = translate_folder(
        model or _model(options),
        options.images,
        options.output,
        method,
        tiles=options.tiles,
        keep_latents=options.latents,
        strict=options.strict,
        **_of_a_run(options),
    )
    print(
        f"{found.translated} images were translated, {found.kept} were there already, {len(found.problems)} left out; "
        f"{found.changed} were {'resized or cut into tiles' if options.tiles else 'resized'}; {options.output} has "
        "them and manifest.csv"
    )


def _score(options: argparse.Namespace) -> None:
    alone = options.source is None and options.target is None
    if alone and options.images.is_dir() and not any(options.images.rglob("*.npy")):
        raise InvalidParameterError(
            "nothing to compare the images with: give --source, --target or both, or latents beside them (translate "
            "--latents)"
        )
    _wait("the images")
    from spectral_collapse import disk, metrics
    from spectral_collapse.diagnosis import scores

    given = {name: getattr(options, name) for name in ("source", "target", "size", "cutoff", "weights", "device")}
    found = metrics.evaluate_folders(options.images, **given, progress=sys.stderr.isatty())
    table = scores.score_table(found)
    print(found.attrs["notes"], scores.printed(table), sep="\n")
    if options.csv:
        disk.write(options.csv, table.to_csv(index=False).encode())
    if options.json:
        values = {name: one.values.tolist() for name, one in found.items() if "missing" not in one.attrs}
        content = {
            "notes": found.attrs["notes"],
            "scores": json.loads(table.to_json(orient="records")),
            "images": found["sample"].values.tolist(),
            "values": values,
        }
        disk.write(options.json, json.dumps(content, indent=2).encode())


def _diagnose(options: argparse.Namespace) -> int:
    _wait("the model")
    from spectral_collapse import disk
    from spectral_collapse.diagnosis import Verdict, diagnose
    from spectral_collapse.store import packing

    output = options.output
    html = output if output.suffix == ".html" else output.with_name(f"{output.name}.html")
    stored = html.with_suffix(".nc")
    for file in (html, stored):
        if file.exists() and not options.overwrite:
            raise InvalidParameterError(f"{shown(file)} is there already; name another report, or give --overwrite")
    disk.check_writable(html.parent)
    try:
        from spectral_collapse.diagnosis import report
    except ImportError as error:
        raise InvalidParameterError(f"the report needs {error.name}: pip install 'spectral-collapse[book]'") from error
    model = _model(options)
    found = diagnose(
        model, options.images, options.target, count=options.sample, all_methods=options.all, **_of_a_run(options)
    )
    named = {"": options.model, "--model": options.function}
    for kind in ("model", "prompt", "class"):
        named |= {f"--{end}-{kind}": getattr(options, f"{end}_{kind}") for end in ("source", "target")}
    words = " ".join(f"{name} {shlex.quote(str(value))}".strip() for name, value in named.items() if value is not None)
    disk.write(stored, packing.encode(found))
    folders = [shlex.quote(str(one)) if one else "" for one in (options.images, options.target)]
    disk.write(html, report.page(found, words, *folders).encode())
    verdict = Verdict(found)
    print(*verdict.sentences(), f"{html} shows it, {stored} has the numbers", sep="\n")
    return int(options.check and verdict.collapses is True)


def _data_list(options: argparse.Namespace) -> None:
    from spectral_collapse import datasets

    roots = datasets.data_roots()
    for info in datasets.DATASETS.values():
        try:
            real = datasets.open_real(info, roots, "test", 64)
        except DataError as error:
            state = f"cannot be used: {error}"
        else:
            without = "rendered" if info.render else "no images"
            state = without if real is None else f"real, {len(real.ids)} test images"
        if info.remedy and not state.startswith("real"):
            state += f"; {info.remedy}"
        print(f"{info.name:<13}  {info.title}: {state}")


def _data_fetch(options: argparse.Namespace) -> None:
    from spectral_collapse import datasets

    folder = datasets.fetch(options.name, options.folder, options.first)
    found = f"; SPECTRAL_COLLAPSE_DATA={folder.parent} lets all commands find it" if options.folder else ""
    print(f"{options.name} is in {folder}{found}")


def _train(options: argparse.Namespace) -> None:
    from spectral_collapse import training

    names = ("resume", "steps", "source", "root", "name", "output", "profile", "device", "minutes")
    folder = training.train(options.recipe, **{name: getattr(options, name) for name in names})
    print(f"the checkpoint is in {folder}")


def _relay(options: argparse.Namespace) -> int:
    from spectral_collapse.training.relay import relay

    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    given = (options.recipes, options.profile, options.together, options.minutes, options.nice)
    failures = relay(*given, interrupted=lambda: bool(asked))
    if failures:
        return _say(f"{len(failures)} of {len(options.recipes)} trainings failed: {'; '.join(failures)}", 2)
    return INTERRUPTED if asked else 0


def _add_study_options(parser: argparse.ArgumentParser, name: str) -> None:
    """An option for every parameter of a study, and where its jobs run."""
    from spectral_collapse.studies import STUDIES
    from spectral_collapse.studies.parameters import describe, takes_several

    parameters = STUDIES[name].parameters
    for field, text in describe(parameters).items():
        several = {"nargs": "+", "metavar": "VALUE"} if takes_several(parameters, field) else {"metavar": "VALUE"}
        text = text.replace("%", "%%")
        parser.add_argument(f"--{field.replace('_', '-')}", dest=field, default=argparse.SUPPRESS, help=text, **several)
    _add_where(parser)


def _add_where(parser: argparse.ArgumentParser) -> None:
    """Options on where and how a study's jobs run."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, metavar="N", help="processes that share the jobs (default: one per core)")
    where.add_argument("--scheduler", metavar="ADDRESS", help="a dask scheduler whose workers share the jobs")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    parser.add_argument("--fresh", action="store_true", help="recompute what is stored or cached")


def _where(options: argparse.Namespace) -> tuple[str, bool]:
    """The executor and whether to show a bar."""
    from spectral_collapse import results

    if options.fresh:
        os.environ[results.FRESH] = str(time.time())
    executor = options.scheduler or ("auto" if options.workers is None else f"processes:{options.workers}")
    return executor, not options.no_progress


def _study(options: argparse.Namespace) -> None:
    from spectral_collapse import results
    from spectral_collapse.studies import STUDIES
    from spectral_collapse.studies.parameters import from_text

    study = STUDIES[options.study]
    given = {name: value for name, value in vars(options).items() if name in study.parameters.model_fields}
    result = study.run(*_where(options), **from_text(study.parameters, given))
    identified = result.attrs["study"], json.loads(result.attrs["parameters"])
    file = next(iter(results.where(*identified)), results.path(*identified))
    if file.exists():
        print(f"stored as {file}")


def _results_list(options: argparse.Namespace) -> None:
    from spectral_collapse import paths, results

    files = results.stored()
    for file in files:
        print(results.describe(file))
    if not files:
        print(f"nothing is stored in {paths.results()} yet; 'spectral-collapse study pareto' makes a result")


def _results_status(options: argparse.Namespace) -> None:
    from spectral_collapse import pages, results

    needs = pages.needed(options.profile)
    for need in needs:
        print(need)
    stored = sum(need.state.kind == "stored" for need in needs)
    size = sum(file.stat().st_size for file in results.shipped())
    print(f"{stored} of {len(needs)} results that the pages show at {options.profile} ship; {size / 1e6:.1f} MB ship")
    if options.check and (found := pages.problems(needs)):
        raise DataError(f"{len(found)} problems with what ships, which 'make results' solves: {'; '.join(found)}")


def _results_update(options: argparse.Namespace) -> None:
    from spectral_collapse import pages, paths

    made, failed = pages.update(options.profile, *_where(options))
    print(f"{len(made)} results were made to ship, in {paths.shipped()}")
    for one in failed:
        print(one, file=sys.stderr)
    if failed:
        raise DataError(f"{len(failed)} results could not be computed, each for the reason above")


def _results_rekey(options: argparse.Namespace) -> None:
    from spectral_collapse.store.rekey import rekey

    carried, refused = rekey(options.since, not options.no_progress, options.profile)
    print(*refused, f"{len(carried)} results were carried over to this code", sep="\n")
    if refused:
        raise DataError(f"{len(refused)} results were not, as listed; 'make results' computes them")


def _doctor(options: argparse.Namespace) -> int:
    from spectral_collapse import doctor

    found = doctor.examine()
    print(doctor.report(found))
    return int(any(line.broken for line in found))


if __name__ == "__main__":
    command()
