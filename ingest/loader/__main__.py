"""cbload: the command line. Jobs run in threads; here are what they get, what is shown of them, and the exit status."""

import concurrent.futures
import itertools
import signal
import sys
from pathlib import Path

import mapping
import options
import psycopg
import scratch
import sources
from errors import LoadError, Wrong
from job import Job, Settings
from progress import Progress, report
from target import Loaded, Study, Target

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT
MEMORY_OF_A_JOB = 64 << 20


def wanted_map(given) -> mapping.Map:
    if not given.preset and not given.map:
        raise Wrong("give --preset NAME (--presets lists them) or --map FILE")
    return mapping.read(Path(given.map) if given.map else mapping.preset(given.preset))


def load(given, folder: Path) -> int:
    map = wanted_map(given)
    if not given.sources:
        raise Wrong("give a source, such as a folder with CellProfiler's CSV files")
    if given.name and len(given.sources) > 1:
        raise Wrong("--name is for one source")
    if given.memory // given.jobs < MEMORY_OF_A_JOB:
        raise Wrong(f"--memory must be at least {MEMORY_OF_A_JOB >> 20}MB for each job")
    found = [sources.source(each, folder, given.name) for each in given.sources]
    if twice := [one.given for one, other in itertools.combinations(found, 2) if one.where == other.where]:
        raise Wrong(f"{twice[0]} is given twice")

    target = study = None
    if not given.check:
        target = Target(given.server, given.table)
        target.prepare(map)
        study = Study(target, given.study, map) if given.study else None
    settings = Settings(map, given.memory // given.jobs, options.threads(given.jobs), given.encoding, ["", "nan", "NaN", *given.null],
                        given.skip_invalid, given.replace, given.merge_samples)
    jobs = [Job(each, settings, target, folder) for each in found]
    failed = run(jobs, given)
    if target and len(failed) < len(jobs):
        target.finish()
    if study and not study.registered and len(failed) < len(jobs):
        study.register()
        if not given.quiet:
            print(f"study {given.study}: table {given.table}, features {', '.join(map.features) or 'none'}")
    if len(jobs) > 1 and failed:
        print(f"cbload: {len(failed)} of {len(jobs)} sources are not loaded: {', '.join(job.source.given for job in failed)}", file=sys.stderr)
    return FAILED if failed else DONE


def run(jobs: list[Job], given) -> list[Job]:
    """Gives those that failed."""
    failed: list[Job] = []
    with Progress(jobs, given.quiet) as progress, concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        running = {pool.submit(job.run): job for job in jobs}
        try:
            while running:
                done, _ = concurrent.futures.wait(running, timeout=0.2, return_when=concurrent.futures.FIRST_COMPLETED)
                progress.show()
                for future in done:
                    job = running.pop(future)
                    try:
                        future.result()
                        progress.say(job, report(job))
                    except Loaded as error:
                        if given.skip_loaded:
                            progress.say(job, f"{job.source.given}: left as it is: {error}")
                        else:
                            failed.append(job)
                            progress.fail(job, f"{error}; --replace replaces it")
                    except LoadError as error:
                        failed.append(job)
                        progress.fail(job, str(error))
        except BaseException:
            for future, job in running.items():
                future.cancel()
                job.cancel()
            raise
    return failed


def interrupted(*_) -> None:
    raise KeyboardInterrupt


def main() -> int:
    given = options.parser().parse_args()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:     # of which a shell's background commands ignore the first
        signal.signal(number, interrupted)
    try:
        if given.presets:
            print("\n".join(mapping.presets()))
            return DONE
        if given.show_preset:
            print(mapping.preset(given.show_preset).read_text(), end="")
            return DONE
        with scratch.folder() as folder:
            return load(given, folder)
    except Wrong as error:
        print(f"cbload: {error}", file=sys.stderr)
        return WRONG_USE
    except (LoadError, psycopg.Error) as error:
        print(f"cbload: {str(error).strip()}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"cbload: {error.filename}: {error.strerror}" if error.filename else f"cbload: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("cbload: interrupted; sources that were not yet reported are not loaded", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
