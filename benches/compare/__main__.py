#!/usr/bin/env python3
"""Run the same work through Borzoi and through other engines, alternating, and print what each costs per core.

usage: python3 benches/compare [WORKLOAD...] --borzoi target/release/borzoi --events-file otrf.ndjson …

Workloads (all but `detect-exact`, `hard-even` and `parsers` if none is named):

  detect        real events, SigmaHQ's Windows rules, alerts out; rsigma with its fast field mapping
  detect-exact  the same with the mapping that means what the rules say, on at most 20,000 events
  hard          process creation and PowerShell events only, repeated with generated variation
  hard-even     the same with as many events of each of the four ids
  rules         time per event against 30, 300, 3,000 and 30,000 rules
  threads       one thread against two
  lake          events to columns on disk, no rules, against DuckDB and chDB writing Parquet
  evtx          EVTX samples, copied several times, against Hayabusa and Chainsaw
  parsers       made lines of eleven formats to columns, against rsyslog and DuckDB (wants --parse; not run by default)

`benches/README.md` says where the peers come from and what each workload is.
"""
import argparse
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True  # the tree stays as it is

import parsers
import peers
import workloads
from measure import contest, table

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT = ("detect", "hard", "rules", "threads", "lake", "evtx")
EXACT_EVENTS = 20_000
RULE_COUNTS = (30, 300, 3_000, 30_000)


def arguments():
    parser = argparse.ArgumentParser(prog="compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD")
    parser.add_argument("--borzoi", help="the release binary (default: on PATH)")
    for name in ("rsigma", "hayabusa", "chainsaw"):
        parser.add_argument(f"--{name}", help="the program (default: on PATH)")
    parser.add_argument("--hayabusa-rules", help="a clone of Hayabusa's rules repository")
    parser.add_argument("--chainsaw-mapping", help="Chainsaw's mappings/sigma-event-logs-all.yml")
    parser.add_argument("--zircolite", help="zircolite.py of a clone of Zircolite")
    parser.add_argument("--python", help="the Python that has duckdb, chdb and what Zircolite needs (default: this one)")
    parser.add_argument("--rsigma-flags", default="", help="more flags for rsigma, e.g. '--bloom-prefilter'")
    parser.add_argument("--corpora", default=os.environ.get("BORZOI_CORPORA", HERE.parents[1] / "../shared/corpora"))
    parser.add_argument("--cache", default="/tmp/borzoi-compare", help="where made inputs and outputs go")
    parser.add_argument("--events-file", help="the corpus unpacked, if it is already (else it goes to the cache)")
    parser.add_argument("--events", type=int, default=100_000, help="events per workload; 0: the whole corpus")
    parser.add_argument("--copies", type=int, default=22, help="copies of the EVTX samples (22: 1 GB)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names of peers to run, with commas")
    parser.add_argument("--parse", help="the release binary of the bench `parse`")
    parser.add_argument("--megabytes", type=int, default=20, help="size of each input of `parsers`")
    parser.add_argument("--json", help="also write the rows to this file")
    args = parser.parse_args()
    unknown = set(args.workloads) - {*DEFAULT, "detect-exact", "hard-even", "parsers"}
    if unknown:
        parser.error(f"no workload is called {', '.join(sorted(unknown))}")
    return args


class Comparison:
    def __init__(self, args):
        self.args = args
        self.corpora = pathlib.Path(args.corpora).resolve()
        self.cache = pathlib.Path(args.cache).resolve()
        self.scratch = self.cache / "runs"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.installed = peers.Installed(vars(args))
        if "borzoi" not in self.installed:
            raise SystemExit("no borzoi: build it with `cargo build --release` and name it with --borzoi")
        self.tools = self.corpora.parent / "tools" / "rsigma"
        self.rules = workloads.once(self.cache / "rules", workloads.copy_rules, self.corpora)
        self.report = {}

    def wants(self, name):
        return name in self.installed and (not self.args.only or name in self.args.only.split(","))

    def otrf(self):
        if self.args.events_file:
            return pathlib.Path(self.args.events_file).resolve()
        return workloads.once(self.cache / "otrf.ndjson", workloads.unpack, self.corpora / "otrf/otrf.ndjson.zst")

    def part(self, events):
        """The corpus, or an evenly taken part of it."""
        if not events:
            return self.otrf()
        return workloads.once(self.cache / f"otrf-{events}.ndjson", workloads.blocks, self.otrf(), events)

    def hard_events(self, even):
        events = self.args.events or 400_000
        name = f"hard-{'even-' if even else ''}{events}.ndjson"
        return workloads.once(self.cache / name, workloads.hard_events, self.otrf(), events, even)

    def show(self, title, contestants, source, events=None):
        """Runs the contest over lines of JSON and prints its table; the line of the first event tells what loading costs."""
        name = source.stem + "-single" + source.suffix
        single = workloads.once(self.cache / name, workloads.single, source)
        self.finish(title, contest(
            contestants, source, single, events or workloads.count_lines(source), self.scratch, self.args.rounds,
        ))

    def finish(self, title, rows):
        for row in rows[1:]:
            another = row["name"].split(",")[0] != rows[0]["name"].split(",")[0]
            if another and "rules" in row and "rules" in rows[0]:
                row["against"] = difference(rows[0]["rules"], row["rules"])
        self.report[title] = rows
        print(table(title, rows), flush=True)

    def sigma_contestants(self, exact=False, lake=False, one_event=None):
        found = [peers.borzoi(self.installed, self.rules)]
        if lake:
            found.append(peers.borzoi(self.installed, self.rules, lake=True, name="borzoi, lake too"))
        if self.wants("rsigma"):
            pipeline = self.tools / ("win-flat.yml" if exact else "win-eid.yml")
            name = "rsigma, exact" if exact else "rsigma, fast"
            found.append(peers.rsigma(self.installed, self.rules, pipeline, self.args.rsigma_flags.split(), name))
        if self.wants("zircolite") and not exact:
            ruleset = workloads.once(
                self.cache / "zircolite.json", peers.convert_for_zircolite, self.installed, self.rules, one_event,
            )
            found.append(peers.zircolite(self.installed, ruleset))
        return found

    def detect(self):
        source = self.part(self.args.events)
        one_event = workloads.once(self.cache / "one.ndjson", workloads.single, source)
        self.show("detect", self.sigma_contestants(lake=True, one_event=one_event), source)

    def detect_exact(self):
        self.show("detect-exact", self.sigma_contestants(exact=True), self.part(min(self.args.events or EXACT_EVENTS, EXACT_EVENTS)))

    def hard(self, even=False):
        source = self.hard_events(even)
        one_event = workloads.once(self.cache / "one.ndjson", workloads.single, source)
        self.show("hard-even" if even else "hard", self.sigma_contestants(one_event=one_event), source)

    def hard_even(self):
        self.hard(even=True)

    def against_rules(self):
        """The rows are one program with more and more rules, so the last column says what the rules cost."""
        source = self.part(self.args.events)
        for peer in ("borzoi", "rsigma"):
            if not self.wants(peer) and peer != "borzoi":
                continue
            found = []
            for count in RULE_COUNTS if peer == "borzoi" else RULE_COUNTS[:3]:
                rules = workloads.once(self.cache / f"rules-{count}", workloads.rule_set, self.rules, count)
                if peer == "borzoi":
                    found.append(peers.borzoi(self.installed, rules, name=f"borzoi, {count:,} rules"))
                else:
                    found.append(peers.rsigma(
                        self.installed, rules, self.tools / "win-eid.yml", self.args.rsigma_flags.split(), f"rsigma, {count:,} rules",
                    ))
            self.show(f"rules ({peer})", found, source)

    def threads(self):
        found = [peers.borzoi(self.installed, self.rules, threads=n, name=f"borzoi, {n} threads") for n in (1, 2)]
        self.show("threads", found, self.part(self.args.events))
        one, two = self.report["threads"]
        if "wall_s" in one and "wall_s" in two:
            print(f"two threads do {one['wall_s'] / two['wall_s']:.2f} times the work of one (wall time)\n")

    def lake(self):
        source = self.part(self.args.events)
        nothing = workloads.once(self.cache / "no-rules", workloads.no_match_rule)
        found = [peers.borzoi(self.installed, nothing, lake=True)]
        for name, columns, copy in (
            ("duckdb", peers.DUCKDB_COLUMNS, peers.DUCKDB_COPY), ("chdb", peers.CHDB_COLUMNS, peers.CHDB_COPY),
        ):
            if self.wants(name):
                known = workloads.once(
                    self.cache / f"{source.stem}.{name}-columns", peers.database_columns, self.installed.paths[name], columns, source,
                )
                found.append(peers.database(self.installed, name, copy, known))
        self.show("lake", found, source)

    def evtx(self):
        samples = workloads.once(self.cache / "evtx", workloads.unpack, self.corpora / "evtx/evtx-attack-samples.tar.zst")
        source = workloads.once(self.cache / f"evtx-{self.args.copies}", workloads.evtx_copies, samples, self.args.copies)
        single = workloads.once(self.cache / "evtx-single", workloads.smallest_evtx, samples)
        found = [peers.borzoi(self.installed, self.rules)]
        if self.wants("hayabusa") and self.args.hayabusa_rules:
            found.append(peers.hayabusa(self.installed, pathlib.Path(self.args.hayabusa_rules).resolve()))
        if self.wants("chainsaw") and self.args.chainsaw_mapping:
            found.append(peers.chainsaw(self.installed, self.rules, pathlib.Path(self.args.chainsaw_mapping).resolve()))
        files = sum(1 for path in source.rglob("*") if path.is_file())
        self.finish(f"evtx (events are files: {files:,})", contest(found, source, single, files, self.scratch, self.args.rounds))


    def parsers(self):
        if not self.args.parse:
            raise SystemExit("no bench: build it with `cargo build --release -p borzoi-benches --bin parse` and name it with --parse")
        program = pathlib.Path(self.args.parse).resolve()
        rows = parsers.compare(program, self.cache, self.installed.python, self.args.rounds, self.args.megabytes)
        self.report["parsers"] = rows
        print(parsers.table(rows), flush=True)


def difference(ours, theirs):
    """In words, how the alerts per rule of two programs differ."""
    same = sum(1 for rule, count in ours.items() if theirs.get(rule) == count)
    return f"same number for {same} of {len(ours.keys() | theirs.keys())} rules"


def main():
    args = arguments()
    comparison = Comparison(args)
    for name, version in comparison.installed.versions.items():
        print(f"{name}: {version}")
    print(f"absent: {', '.join(comparison.installed.absent) or 'none'}")
    print(f"medians of {args.rounds} alternating runs, one thread, whole processes less those over one event\n", flush=True)
    steps = {
        "detect": comparison.detect, "detect-exact": comparison.detect_exact, "hard": comparison.hard,
        "hard-even": comparison.hard_even, "rules": comparison.against_rules, "threads": comparison.threads,
        "lake": comparison.lake, "evtx": comparison.evtx, "parsers": comparison.parsers,
    }
    for name in args.workloads or DEFAULT:
        steps[name]()
    if args.json:
        report = {"versions": comparison.installed.versions, "absent": comparison.installed.absent, "workloads": comparison.report}
        pathlib.Path(args.json).write_text(json.dumps(report, indent=1), encoding="utf-8")
    failed = any("failed" in row for rows in comparison.report.values() for row in rows)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
