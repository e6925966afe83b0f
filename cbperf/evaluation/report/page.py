"""The page: its sections and their order."""

from collections.abc import Iterator
from pathlib import Path
from string import Template

import changes

from . import plots, summary, versus
from .flames import Flames
from .markup import Html, element, join, table
from .single import Section, component_stacks, run_sections
from .units import plural, probability, quantity, ratio

FOLDER = Path(__file__).parent


def page(records: list[dict], history: list[dict], comparison: dict | None) -> str:
    flames = Flames()
    pairs = versus.find_pairs(records, comparison)
    labels = versus.name_sides(summary.labels(records), pairs)
    sections: list[Section] = []
    if comparison:
        sections += versus.comparison_sections(flames, comparison)
    if len(records) > 1:
        sections.append(("Runs", overview(records, labels)))
        scale = plots.scale(records)
        if scale:
            sections.append(("Scale", element("div", scale, class_="plots")))
        figures = [plots.samples(records, labels), plots.memory(records, labels)]
        if any(figures):
            sections.append(("Over time", element("div", figures, class_="plots")))
    for pair in pairs:
        sections.append((f"{pair.name}: base and new", versus.pair_section(flames, records[pair.base], records[pair.new], pair.shown)))
    if len(records) == 1:
        sections += run_sections(flames, records[0])
    if history:
        sections.append(("History", history_section(history)))
    if len(records) > 1:
        sections.append(("Each run", join(folded_run(flames, record, label) for record, label in zip(records, labels))))

    title = page_title(records, comparison)
    scripts, licences, allowed = flames.scripts()
    content = element("main", (element("section", element("h2", heading, id=f"section-{number}"), content)
                               for number, (heading, content) in enumerate(sections, 1)))
    body = join(header(title, records, labels, comparison), contents([heading for heading, _ in sections]), content,
                element("footer", licences))
    return Template((FOLDER / "page.html").read_text()).substitute(
        policy=allowed, title=join(title), style=(FOLDER / "page.css").read_text(), body=body, scripts=scripts)


# ---- Heading

def page_title(records: list[dict], comparison: dict | None) -> str:
    if comparison:
        return f"{comparison['base']} → {comparison['new']}"
    processes = list(dict.fromkeys(record["process"] for record in records))
    tags = {record.get("tag") for record in records}
    if len(records) > 1 and len(tags) == 1 and None not in tags:
        return f"{tags.pop()}: {plural(len(records), 'run')}"
    name = ", ".join(processes) or "No runs"
    return name if len(records) <= 1 else f"{name}: {plural(len(records), 'run')}"


def header(title: str, records: list[dict], labels: list[str], comparison: dict | None) -> Html:
    documents = [comparison] if comparison else records
    started = [summary.moment(document["started"]) for document in documents if document.get("started")]
    hosts = dict.fromkeys((record.get("host") or {}).get("name") or "unknown host" for record in records)
    when = " to ".join(dict.fromkeys([min(started), max(started)])) if started else None
    where = "on " + ", ".join(hosts) if hosts else None
    states = ", ".join(dict.fromkeys(str(document.get("state")) for document in documents))
    named = [("This comparison", comparison)] if comparison else []
    named += [(label if len(records) > 1 else "This run", record) for label, record in zip(labels, records)]
    problems = [(name, problem) for name, document in named if (problem := summary.problem(document))]
    common, differing = summary.split_facts(records)
    commands = dict.fromkeys(str(argument) for record in records for argument in record.get("arguments") or [])
    descriptions = dict.fromkeys(record["description"] for record in records if record.get("description"))
    return element(
        "header",
        element("h1", title),
        element("p", " · ".join(filter(None, [when, where, *(f"{name} {version}" for name, version in common.get("Versions", {}).items() if name in ("PostgreSQL", "commit")), states])), class_="pale"),
        (element("p", description) for description in descriptions),
        (element("p", element("strong", f"{name} is {problem}" if problem.startswith(("incomplete", "running")) else f"{name}: {problem}"), class_="banner")
         for name, problem in problems),
        element("details", element("summary", element("strong", "Host, versions, settings")), fact_lists(common),
                differing_facts(labels, differing)) if records else None,
        element("details", element("summary", element("strong", "Statements and arguments")), (element("pre", command) for command in commands))
        if commands else None)


def fact_lists(groups: dict[str, dict[str, str]]) -> Html:
    return element("div", (element("div", element("h3", group), element("dl", ((element("dt", name), element("dd", text)) for name, text in names.items())))
                           for group, names in groups.items()), class_="facts")


def differing_facts(labels: list[str], differing: dict[str, list[str | None]]) -> Html | None:
    """A table of the facts that differ between the runs, except those that always differ."""
    rows = {name: texts for name, texts in differing.items() if name not in ("Run: run", "Run: started", "Run: finished", "User data: scale")}
    if not rows:
        return None
    return table("What differs between the runs", ["", *labels], ([name, *(text or "–" for text in texts)] for name, texts in rows.items()),
                 text_columns=len(labels) + 1)


def contents(headings: list[str]) -> Html | None:
    if len(headings) < 3:
        return None
    return element("nav", element("ul", (element("li", element("a", heading, href=f"#section-{number}")) for number, heading in enumerate(headings, 1))),
                   aria_label="Contents")


# ---- Several runs

def overview(records: list[dict], labels: list[str]) -> Html:
    scaled = any(map(summary.scale, records))

    def rows() -> Iterator[list]:
        for record, label in zip(records, labels):
            medians = {measure.name: quantity(measure.median, measure.unit) for measure in summary.measures(record)}
            setting = summary.scale(record) or {}
            state = element("span", record.get("state"), class_=None if record.get("state") == "complete" else "alarm")
            yield [label, *([f"{setting['throughput']:.3g} / s" if setting.get("throughput") else "–"] if scaled else []),
                   *(medians[name] for name in ("real", "cpu", "peak_private", "waiting")), str(len(record["samples"])), state]
    header = ["run", *(["throughput"] if scaled else []), "real time", "CPU time", "peak private memory", "waiting", "samples", "state"]
    return join(table("Medians over the samples", header, rows()), component_stacks(records, labels))


def folded_run(flames: Flames, record: dict, label: str) -> Html:
    real = next(measure for measure in summary.measures(record) if measure.name == "real")
    told = element("span", f" · {quantity(real.median, 's')} · {record.get('state')}", class_="pale")
    return element("details", element("summary", element("h2", label), told),
                   (join(element("h3", heading), content) for heading, content in run_sections(flames, record, several=True)))


def history_section(history: list[dict]) -> Html:
    measures = {name: about for name, about in summary.MEASURES.items() if any(run.get(name) is not None for run in history)}
    figures, rows, notes = [], [], {}
    for name, (label, unit) in measures.items():
        try:
            found = changes.find(history, name)
        except changes.TooFew as error:
            found = []
            notes[str(error)] = f"{label}: {error}."
        figures.append(plots.history(history, name, found))
        rows += [[label, summary.moment(str(change.time)), summary.short(history[change.index].get("git_commit")) or "–", quantity(change.before, unit),
                  quantity(change.after, unit), ratio(change.ratio), probability(change.p)] for change in found]
    header = ["measure", "first run after it", "its commit", "before", "after", "after / before", "p"]
    return join(table("Change points: means of the runs between the changes", header, rows, text_columns=3) if rows else element("p", "No change was found."),
                (element("p", note[0].upper() + note[1:], class_="pale") for note in notes.values()),
                element("div", figures, class_="plots"))
