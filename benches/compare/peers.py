"""How each program is called for each workload: Borzoi first, then those that are installed.

A peer gets its best flags for the same work, on one thread. `found` reads what it reported, so that the table shows
whether the same matches were paid for. The versions named in `README.md` are those that these flags were tried with.
"""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from measure import Contestant

# What a row says where a program reports no rule ids.
UNNAMED = "unnamed"


class Installed:
    """Where the programs are: as given, or on PATH. Those that are not there are named in `absent`."""

    def __init__(self, given):
        self.paths, self.versions, self.absent = {}, {}, []
        for name, version_flags in (
            ("borzoi", ["--version"]), ("rsigma", ["--version"]), ("hayabusa", ["help"]), ("chainsaw", ["--version"]),
        ):
            path = given.get(name) or shutil.which(name)
            self.note(name, path and os.path.abspath(path), version_flags)
        python = given.get("python") or sys.executable
        for name in ("duckdb", "chdb"):
            code = f"import {name}; print('{name}', {name}.__version__)"
            self.note(name, python, ["-c", code])
        zircolite = given.get("zircolite")
        self.zircolite = zircolite and pathlib.Path(zircolite).resolve()
        self.note("zircolite", zircolite and python, [self.zircolite, "--version"] if zircolite else [])
        self.python = python

    def note(self, name, path, flags):
        # Some leave a log where they are called.
        with tempfile.TemporaryDirectory() as work:
            try:
                done = subprocess.run([path, *flags], capture_output=True, text=True, timeout=120, cwd=work) if path else None
            except OSError:
                done = None
        if done is None or done.returncode != 0:
            self.absent.append(name)
            return
        lines = [line.strip() for line in done.stdout.splitlines() if any(c.isdigit() for c in line)]
        self.paths[name], self.versions[name] = path, lines[0] if lines else "unknown version"

    def __contains__(self, name):
        return name in self.paths


def counted(rules):
    return {"alerts": sum(rules.values()), "rules": dict(rules)}


UNREADABLE = "(lines that are no JSON)"


def json_lines(output, rule_of):
    rules = collections.Counter()
    with open(output, "rb") as handle:
        for line in handle:
            if not line.strip():
                continue
            try:
                rules[rule_of(json.loads(line)) or UNNAMED] += 1
            except json.JSONDecodeError:  # Chainsaw's lines are not all JSON
                rules[UNREADABLE] += 1
    return counted(rules)


def stored(output):
    files = [output] if output.is_file() else [p for p in output.rglob("*") if p.is_file()]
    return {"stored_bytes": sum(p.stat().st_size for p in files), "files": len(files)}


def borzoi(installed, rules, threads=1, lake=False, name="borzoi"):
    """A scan that writes alerts as JSON lines to `alerts.jsonl`, and with `lake` stores all events as well."""

    def command(source, output):
        output.mkdir(parents=True)
        script = '"$0" "$@" > "$OUT"'
        scan = [installed.paths["borzoi"], "scan", "--quiet", "--rules", rules, "--threads", threads, "--output", "jsonl"]
        scan += ["--lake", output / "lake"] if lake else []
        return ["env", f"OUT={output / 'alerts.jsonl'}", "sh", "-c", "exec " + script, *scan, source]

    def found(output):
        alerts = json_lines(output / "alerts.jsonl", lambda alert: alert["rule"]["id"])
        return {**alerts, **(stored(output / "lake") if lake else {})}

    return Contestant(name, installed.versions["borzoi"], command, found)


def rsigma(installed, rules, pipeline, flags, name):
    def command(source, output):
        return [
            installed.paths["rsigma"], "engine", "eval", "--rules", rules, "--pipeline", pipeline, "--input-format", "json",
            "--output", output, *flags, "--event", f"@{source}",
        ]

    return Contestant(name, installed.versions["rsigma"], command, lambda out: json_lines(out, lambda match: match.get("rule_id")))


def zircolite(installed, ruleset):
    """Zircolite on rules that were converted before; it finds its configuration beside itself."""

    def command(source, output):
        return [
            installed.paths["zircolite"], installed.zircolite, "--events", source, "--json-input", "--ruleset", ruleset,
            "--outfile", output, "--quiet", "--no-auto-mode", "--logfile", output.with_name("zircolite.log"),
        ]

    def found(output):
        with open(output, encoding="utf-8") as handle:
            return counted(collections.Counter({r["id"]: r["count"] for r in json.load(handle)}))

    return Contestant("zircolite", installed.versions["zircolite"], command, found, folder=installed.zircolite.parent)


def convert_for_zircolite(target, installed, rules, one_event):
    """SigmaHQ's rules in Zircolite's own form, which takes it half a minute once."""
    work = target.with_name("zircolite-conversion")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name in ("config", "templates"):
        (work / name).symlink_to(installed.zircolite.parent / name)
    subprocess.run(
        [installed.paths["zircolite"], installed.zircolite, "--events", one_event, "--json-input", "--ruleset", rules,
         "--pipeline", "sysmon", "windows-logsources", "--save-ruleset", "--nolog", "--quiet", "--no-auto-mode"],
        cwd=work, check=True, stdout=subprocess.DEVNULL,
    )
    next(work.glob("ruleset-*.json")).rename(target)
    shutil.rmtree(work)


# Both databases get the columns and types beforehand, found in the whole input: alone they look at its first 20,480
# (DuckDB) or 25,000 (chDB) lines and leave out every key that comes later. DuckDB's column names do not know case:
# of two keys that differ in case alone it stores one.
DUCKDB_COLUMNS = """
import duckdb, json, sys
source, target = sys.argv[1:]
found = duckdb.sql(f"describe select * from read_json('{source}', format='newline_delimited', sample_size=-1,"
                   " map_inference_threshold=-1, field_appearance_threshold=0)").fetchall()
names = {row[0] for row in found}
columns = {row[0]: 'VARCHAR' if 'NULL' in row[1] else row[1] for row in found if row[0].removesuffix('_1') not in names - {row[0]}}
json.dump(columns, open(target, 'w'))
"""
DUCKDB_COPY = """
import duckdb, json, sys
source, output, columns = sys.argv[1:]
quoted = lambda text: "'" + text.replace("'", "''") + "'"
listed = ', '.join(f'{quoted(name)}: {quoted(kind)}' for name, kind in json.load(open(columns)).items())
base = duckdb.connect()
base.execute('set threads = 1')
base.execute(f"copy (select * from read_json('{source}', format='newline_delimited', columns={{{listed}}})) "
             f"to '{output}' (format parquet, compression zstd)")
"""
CHDB_COLUMNS = """
import chdb, json, sys
source, target = sys.argv[1:]
found = chdb.query(f"describe file('{source}', 'JSONEachRow') settings input_format_max_rows_to_read_for_schema_inference = 1000000000,"
                   " input_format_max_bytes_to_read_for_schema_inference = 1000000000000", 'JSONEachRow')
columns = map(json.loads, str(found).splitlines())
json.dump({column['name']: column['type'] for column in columns}, open(target, 'w'))
"""
CHDB_COPY = """
import chdb, json, sys
source, output, columns = sys.argv[1:]
listed = ', '.join(f'`{name}` {kind}' for name, kind in json.load(open(columns)).items()).replace("'", "\\\\'")
chdb.query(f"insert into function file('{output}', 'Parquet') select * from file('{source}', 'JSONEachRow', '{listed}')"
           " settings max_threads = 1, max_parsing_threads = 1, max_insert_threads = 1, input_format_parallel_parsing = 0,"
           " output_format_parquet_parallel_encoding = 0, output_format_parquet_compression_method = 'zstd'")
"""


def database_columns(target, python, code, source):
    subprocess.run([python, "-c", code, source, target], check=True)


def database(installed, name, code, columns):
    def command(source, output):
        return [installed.paths[name], "-c", code, source, output, columns]

    def found(output):
        return {**stored(output), "columns": len(json.loads(columns.read_text(encoding="utf-8")))}

    return Contestant(name, installed.versions[name], command, found)


def hayabusa(installed, rules):
    """Hayabusa with its own conversion of the Sigma rules; `rules` is the folder of its rules repository."""

    def command(source, output):
        return [
            installed.paths["hayabusa"], "dfir-timeline", "--directory", source, "--rules", rules / "sigma", "--rules-config", rules / "config", "--output-type", "jsonl",
            "--output", output, "--threads", "1", "--no-wizard", "--quiet", "--quiet-errors", "--no-summary", "--clobber",
        ]

    def found(output):
        return json_lines(output, lambda line: line.get("RuleTitle"))

    return Contestant("hayabusa", installed.versions["hayabusa"], command, found, folder=pathlib.Path(rules).parent)


def chainsaw(installed, rules, mapping):
    def command(source, output):
        return [
            installed.paths["chainsaw"], "--no-banner", "--num-threads", "1", "hunt", source, "--sigma", rules, "--mapping", mapping,
            "--jsonl", "--output", output, "-q",
        ]

    return Contestant("chainsaw", installed.versions["chainsaw"], command, lambda out: json_lines(out, lambda line: line.get("name")))
