#!/usr/bin/env python3
"""Check the rules of src/ that no compiler checks, and print TAP.

The rules concern the directions of includes and calls, the sizes of files and folders, the exported
symbols, and the errors, which are compared with their table in docs/reference.md. To find the calls
and the exports, build the tree in another folder with VPATH, as pg_buildext does.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

# From the top floor down. A file can include and call files of its own floor and of lower floors.
FLOORS = ["serve", "smprofiler", "intensity", "changes", "scan", "heap", "study", "long", "read", "pack", "coding", "format"]
BASE = "src"                      # arguments, fault, settings, compat: between coding and format

MOST_FILES = 12                   # .c files in a folder
MOST_BASE_FILES = 4               # .c files in src itself
MOST_LINES = 500
MOST_COLUMNS = 100


def sources():
    return sorted(path for path in SRC.rglob("*.[ch]"))


def name(path):
    return str(path.relative_to(SRC))


def unit(path):
    """Return the name that a .c file and its .h file share, such as "pack/cell_set"."""
    return str(Path(path).with_suffix(""))


def floor(of):
    """Return the height of a unit: module.c is at the top, other files of src are below coding."""
    if of == "module":
        return len(FLOORS) + 1
    folder = of.split("/")[0] if "/" in of else BASE
    if folder == BASE:
        return 1.5
    return len(FLOORS) - FLOORS.index(folder)


def includes():
    """Yield pairs of units of which the first includes the second."""
    for path in sources():
        for target in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            beside = (path.parent / target).resolve()
            if SRC in beside.parents and beside.exists():
                target = name(beside)         # by another path than that from src
            if (SRC / target).exists() and unit(target) != unit(name(path)):
                yield unit(name(path)), unit(target)


def build(folder):
    """Build a copy of the tree outside of it. Return the object files by unit, and the library."""
    tree, made = folder / "tree", folder / "build"
    made.mkdir()
    tree.mkdir()
    for part in ("src", "sql", "docs"):       # without what a build has left in the tree
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("*.o", "*--*.sql"))
    for part in ("Makefile", "cell_binary.control", "CHANGELOG.md"):
        shutil.copy(ROOT / part, tree)
    environment = {**os.environ, "PATH": "/usr/lib/ccache:" + os.environ["PATH"]}
    environment.pop("MAKEFLAGS", None)
    subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-f", f"{tree}/Makefile", f"VPATH={tree}",
                    "all", "install", f"DESTDIR={folder}/install"], cwd=made, env=environment, check=True,
                   stdout=sys.stderr)
    return {unit(path.relative_to(made / "src")): path for path in (made / "src").rglob("*.o")}, \
        made / "cell_binary.so"


def symbols(path, *options):
    """Return the symbols that nm lists, as pairs (kind, name)."""
    output = subprocess.run(["nm", *options, path], capture_output=True, text=True, check=True).stdout
    return [tuple(line.split()[-2:]) for line in output.splitlines() if len(line.split()) >= 2]


def calls(objects):
    """Yield pairs of units of which the first uses a symbol of the second."""
    home = {symbol: of for of, path in objects.items() for kind, symbol in symbols(path) if kind in "TDBRVWG"}
    for of, path in objects.items():
        for kind, symbol in symbols(path):
            if kind == "U" and symbol in home and home[symbol] != of:
                yield of, home[symbol]


def called_by_name():
    """Return the symbols that PostgreSQL looks up: those of the SQL functions, and the module's."""
    script = (ROOT / "sql/cell_binary.sql").read_text()
    functions = set()
    for function, symbol in re.findall(r"CREATE FUNCTION (\w+)\((?:(?!CREATE ).)*?'MODULE_PATHNAME'(?:, '(\w+)')?",
                                       script, re.DOTALL):
        functions.add(symbol or function)
    return {prefix + function for function in functions for prefix in ("", "pg_finfo_")} | {"_PG_init", "Pg_magic_func"}


def circles(arrows):
    """Return a circle of units as text, or an empty text if there is none."""
    below = {}
    for upper, lower in arrows:
        below.setdefault(upper, set()).add(lower)
    done, path = set(), []

    def visit(of):
        if of in path:
            return " -> ".join(path[path.index(of):] + [of])
        if of in done:
            return ""
        path.append(of)
        found = next(filter(None, (visit(lower) for lower in sorted(below.get(of, ())))), "")
        path.pop()
        done.add(of)
        return found

    return next(filter(None, (visit(of) for of in sorted(below))), "")


def rising(arrows):
    return [f"{upper} -> {lower}" for upper, lower in sorted(set(arrows)) if floor(lower) > floor(upper)]


def too_large():
    for folder in sorted({path.parent for path in sources()}):
        files = len(list(folder.glob("*.c")))
        if files > (MOST_BASE_FILES if folder == SRC else MOST_FILES):
            yield f"{folder.relative_to(ROOT)}: {files} .c files"
    for path in sources():
        lines = path.read_text().splitlines()
        if len(lines) > MOST_LINES:
            yield f"{name(path)}: {len(lines)} lines"
        yield from (f"{name(path)}:{number}: {len(line.expandtabs(4))} columns"
                    for number, line in enumerate(lines, 1) if len(line.expandtabs(4)) > MOST_COLUMNS)


def without_opening():
    """Yield the files whose first comment does not have the file's name and a sentence about it."""
    for path in sources():
        opening = re.match(r"/\*\n \* (\S+)\n \*\t\t(.*?)\n \*[/\n]", path.read_text(), re.DOTALL)
        if not opening or opening[1] != path.name:
            yield f"{name(path)}: no name"
        elif not re.search(r"\.$|\.  ", opening[2]):
            yield f"{name(path)}: no sentence"


def second_limits():
    """Yield the lines outside format/cell.h that contain the maximum number of features."""
    for path in sources():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"FEATURES?\w*\s*=?\s*64\b|\b[ijk] < 64\b|\b(parents|used|common|codes)\[64\]|\bto 64\b", line) and \
                    name(path) != "format/cell.h":
                yield f"{name(path)}:{number}: {line.strip()}"


def literal(text):
    """Return the first C string of a text, with its pieces joined and each placeholder as "…"."""
    text = re.sub(r'"\s*U?INT64_FORMAT\s*"?', "%d", text)
    pieces = re.match(r'\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', text)
    joined = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', pieces[1])).replace('\\"', '"')
    return re.sub(r"%(?:\d+\$)?(?:\.\*)?(?:[-0-9]*)(?:ll|z|l)?[sdux]", "…", joined)


def states():
    """Return the SQLSTATEs by their macros in C, and by their condition names in PL/pgSQL."""
    by_macro, by_condition = {}, {}
    folder = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--includedir-server"],
                            capture_output=True, text=True, check=True).stdout.strip()
    for macro, *state in re.findall(r"#define (ERRCODE_\w+) MAKE_SQLSTATE\('(.)','(.)','(.)','(.)','(.)'\)",
                                    Path(folder, "utils/errcodes.h").read_text()):
        by_macro[macro] = "".join(state)
        by_condition[macro.removeprefix("ERRCODE_").lower()] = "".join(state)
    return by_macro, by_condition


def reports():
    """Yield each call of ereport in the sources: its place, and the text of its arguments."""
    for path in sources():
        text = re.sub(r"/\*.*?\*/", lambda comment: "\n" * comment[0].count("\n"), path.read_text(), flags=re.DOTALL)
        for start in re.finditer(r"\bereport\(", text):
            depth, end = 1, start.end()
            while depth:                 # Parentheses in strings are balanced, too.
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            yield f"{name(path)}:{text.count(chr(10), 0, start.start()) + 1}", text[start.end():end]


def errors():
    """Return (SQLSTATE, message) of all reports in C and SQL, with the first place of each."""
    by_macro, by_condition = states()
    found = {}
    for place, report in reports():
        level = report.split(",")[0].strip()
        code = re.search(r"errcode\((\w+)\)", report)
        state = by_macro[code[1]] if code else {"NOTICE": "00000", "WARNING": "53…"}[level]
        for message in re.finditer(r"errmsg\(", report):
            found.setdefault((state, literal(report[message.end():])), place)
    script = (ROOT / "sql/cell_binary.sql").read_text()
    for raise_ in re.finditer(r"RAISE (\w+) USING MESSAGE = (?:pg_catalog\.format\(\s*)?'((?:[^']|'')*)'", script):
        message = re.sub(r"%[sL%]", "…", raise_[2].replace("''", "'"))
        found.setdefault((by_condition[raise_[1]], message), "sql/cell_binary.sql")
    return found


def manual():
    """Return the rows of the tables in section "Errors" of docs/reference.md."""
    section = re.search(r"^## Errors\n(.*?)(?=^## |\Z)", (ROOT / "docs/reference.md").read_text(),
                        re.MULTILINE | re.DOTALL)[1]
    return {(row[0], row[1]) for row in re.findall(r"^\| `(.{5}|53…)` \| `(.+?)` \|", section, re.MULTILINE)}


def bad_style():
    """Yield the messages, details and hints that break PostgreSQL's style guide."""
    for place, report in reports():
        for kind, start in [(match[1], match.end()) for match in
                            re.finditer(r"\berr(msg|detail|hint)(?:_internal)?\((?=\s*\")", report)]:
            text = literal(report[start:])
            if text == "…":
                continue
            if kind == "msg" and (text.endswith(".") or re.match(r"(?!NaN)[A-Z][a-z]", text)):
                yield f"{place}: message \"{text}\""
            if kind != "msg" and not re.search(r"[.?]$", text):
                yield f"{place}: {kind} \"{text}\""


def main():
    number = failed = 0

    def test(title, problems):
        nonlocal number, failed
        problems = list(problems)
        number += 1
        failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} - {title}")
        for problem in problems[:20]:
            print(f"# {problem}")
        sys.stdout.flush()

    include_arrows = list(includes())
    test("no file includes a file of a higher floor", rising(include_arrows))
    test("no files include each other in a circle", filter(None, [circles(include_arrows)]))
    with tempfile.TemporaryDirectory() as folder:
        objects, library = build(Path(folder))
        test("a build outside the tree makes all objects and installs them",
             {unit(name(path)) for path in SRC.rglob("*.c")} ^ objects.keys())
        call_arrows = list(calls(objects))
        test("no file calls a file of a higher floor", rising(call_arrows))
        test("no files include or call each other in a circle",
             filter(None, [circles(include_arrows + call_arrows)]))
        test("the library exports only the symbols that PostgreSQL looks up by name",
             {symbol for _, symbol in symbols(library, "--dynamic", "--defined-only")} ^ called_by_name())
    test(f"files have at most {MOST_LINES} lines of {MOST_COLUMNS} columns, src at most "
         f"{MOST_BASE_FILES} .c files, other folders at most {MOST_FILES}", too_large())
    test("each file begins with a comment that describes it", without_opening())
    test("only format/cell.h contains the maximum number of features", second_limits())
    raised, listed = errors(), manual()
    test("each error is in docs/reference.md",
         [f"{state} | {message} ({raised[state, message]})" for state, message in sorted(raised.keys() - listed)])
    test("the sources raise each error in docs/reference.md",
         [f"{state} | {message}" for state, message in sorted(listed - raised.keys())])
    test("messages, details and hints follow PostgreSQL's style guide", bad_style())
    print(f"1..{number}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
