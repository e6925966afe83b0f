"""The command line of cbload: start a job for each source, report, and set the exit status."""

import concurrent.futures
import itertools
import os
import sys
from dataclasses import replace
from pathlib import Path

import annotated
import choice
import mapping
import options
import psycopg
import scratch
import sources
from errors import Interrupted, LoadError, Wrong, unexpected
from interrupts import INTERRUPTED, Interrupts
from job import Job, Settings
from output import complain, prepare, say
from progress import Progress, report
from target import Loaded, Study, Target

DONE, FAILED, WRONG_USE = 0, 1, 2
MEMORY_OF_A_JOB = 64 << 20


def wanted_map(given, folder: Path) -> mapping.Map:
    if given.preset == choice.AUTO:
        if given.sources[:1] == ["-"]:
            raise Wrong("--preset auto cannot read standard input twice: name the preset")
        given.preset, why = choice.chosen(
            given.sources[0], folder, given.quotes, given.skip_lines or 0, given.encoding or "")
        if not given.quiet:
            say(why, sys.stdout)
    map = mapping.read(Path(given.map) if given.map else mapping.preset(given.preset))
    asked = {
        "unit": given.unit, "micrometres_per_pixel": given.pixel_size, "scale": given.scale,
        "quotes": given.quotes, "encoding": given.encoding, "decimal": given.decimal,
        "skip_lines": given.skip_lines, "nulls": [*map.settings.nulls, *given.null],
    }
    known = {name: value for name, value in asked.items() if value is not None}
    return replace(map, settings=mapping.checked(replace(map.settings, **known)))


def load(given, folder: Path, interrupts: Interrupts) -> int:
    for value in given.name, given.server, given.table, given.study, *given.null:
        if value and not sources.is_text(value):
            raise Wrong(f"{value}: the argument is not in UTF-8")
    if not given.preset and not given.map:
        raise Wrong("a map is required: --preset NAME (auto chooses one, --presets lists them) or "
                    "--map FILE")
    if not given.sources:
        raise Wrong("a source is required, such as a folder with CellProfiler's CSV files")
    map = wanted_map(given, folder)
    if given.memory // given.jobs < MEMORY_OF_A_JOB:
        raise Wrong(f"--memory must be at least {MEMORY_OF_A_JOB >> 20}MB for each job")
    name = given.name or map.settings.name
    found = [
        source for each in given.sources for source in sources.expanded(each, map, folder, name)]
    if name and "{" not in name and len(found) > 1:
        raise Wrong(f"--name requires exactly one source, and there are {len(found):,}: with "
                    "{parent} or {stem} in it, each source has its own name")
    for one, other in itertools.combinations(found, 2):
        if (one.where, one.files) == (other.where, other.files):
            raise Wrong(f"{one.given} is given twice")

    annotated.load(any(sources.is_annotated(each) for each in found))
    settings = Settings(
        map, given.memory // given.jobs, options.threads(given.jobs), given.skip_invalid,
        given.replace, given.merge_samples)
    if given.check:
        return ended([Job(each, settings, None, folder) for each in found], given, interrupts)
    target = Target(given.server, given.table)
    try:
        target.prepare(map, given.replace)
        study = Study(target, given.study, map) if given.study else None
        jobs = [Job(each, settings, target, folder) for each in found]
        status = ended(jobs, given, interrupts)
    finally:
        target.release()
    if any(job.done for job in jobs):
        if problem := target.finish():
            complain(problem)
        if study and not study.registered:
            features = target.features() or []
            study.register(features)
            if not given.quiet:
                shown = ", ".join(features) or "none"
                say(f"study {given.study}: table {given.table}, features: {shown}", sys.stdout)
    return status


def ended(jobs: list[Job], given, interrupts: Interrupts) -> int:
    """Run the jobs, and return the exit status."""
    interrupts.jobs = jobs
    run(jobs, given, interrupts)
    failed = [job.source.display for job in jobs if not job.done]
    if len(jobs) > 1 and failed:
        complain(f"{len(failed)} of {len(jobs)} sources failed: {', '.join(failed)}")
    return FAILED if failed else DONE


def run(jobs: list[Job], given, interrupts: Interrupts) -> None:
    with (
        Progress(jobs, given.quiet) as progress,
        concurrent.futures.ThreadPoolExecutor(given.jobs) as pool,
    ):
        running = {pool.submit(job.run): job for job in jobs}

        def reap(timeout: float) -> None:
            first = concurrent.futures.FIRST_COMPLETED
            done, _ = concurrent.futures.wait(running, timeout, first)
            progress.show()
            for future in done:
                with interrupts.saying:
                    settle(running.pop(future), future, progress, given)

        try:
            while running:
                reap(0.2)
        except BaseException:     # report the sources that are loaded by now, and load no more
            if not interrupts.given:
                interrupts.limit(FAILED)
            for future in [future for future in running if future.cancel()]:
                del running[future]
            while running:
                for job in running.values():
                    job.cancel()
                reap(0.1)
            raise


def settle(job: Job, future: concurrent.futures.Future, progress: Progress, given) -> None:
    """Report the result of a job that has ended."""
    try:
        future.result()
    except Interrupted:
        pass
    except Loaded as error:
        if given.skip_loaded:
            job.done = True
            progress.say(job, [f"{job.source.display}: unchanged, {error}"])
        else:
            progress.fail(job, f"{error}; --replace replaces its cells")
    except (LoadError, Wrong) as error:
        progress.fail(job, str(error))
    except Exception as error:     # a bug of cbload must not stop the other sources
        progress.fail(job, unexpected(error))
    else:
        job.done = True
        progress.say(job, report(job))
        progress.warn(job)
    job.settled = True


def main() -> int:
    given = options.parser().parse_args()
    prepare()
    with Interrupts() as interrupts:
        try:
            return asked(given, interrupts)
        except (KeyboardInterrupt, Exception) as error:
            return failure(KeyboardInterrupt() if interrupts.given else error, interrupts)


def asked(given, interrupts: Interrupts) -> int:
    if given.presets:
        print("\n".join(mapping.presets()))
        return DONE
    if given.show_preset:
        print(mapping.preset(given.show_preset).read_text(), end="")
        return DONE
    with scratch.folder() as interrupts.folder:
        return load(given, interrupts.folder, interrupts)


def failure(error: BaseException, interrupts: Interrupts) -> int:
    """Report an error that ends the program, and return the exit status."""
    match error:
        case KeyboardInterrupt():
            interrupts.say()
            return INTERRUPTED
        case Wrong():
            for line in error.args:
                complain(line)
            return WRONG_USE
        case BrokenPipeError():
            sys.stdout = open(os.devnull, "w")     # so that the interpreter's last flush succeeds
        case LoadError() | psycopg.Error():
            for line in str(error).strip().splitlines():
                complain(line)
        case OSError(filename=None):
            complain(str(error))
        case OSError():
            complain(f"{error.filename}: {error.strerror}")
        case _:
            complain(unexpected(error))
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
