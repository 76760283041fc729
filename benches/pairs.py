#!/usr/bin/env python3
"""Compare the (rule, event) pairs of a scan with those of other engines, and say of what kind each difference is.

usage: pairs.py EVENTS ALERTS RULES_DIR OTHER.csv OTHER.csv [--step 10]

EVENTS is the NDJSON file that was scanned, ALERTS the alerts as JSON lines, RULES_DIR the Sigma rules. Each CSV
(`rule_id,line`) holds what another engine reports; its lines count from 0 in the whole corpus, of which EVENTS
holds every --step-th. The kinds are worked out from the rule and the event's fields, not from a list of
rules; what fits none is printed as unexplained, and the exit code is 1. Needs PyYAML.
`docs/engine-differences.md` has the commands and what the kinds mean.
"""
import argparse
import collections
import csv
import json
import os

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_rules(folder):
    """Rule id → (path under the folder, rule)."""
    rules = {}
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            if name.endswith((".yml", ".yaml")):
                path = os.path.join(parent, name)
                with open(path, encoding="utf-8") as handle:
                    for rule in yaml.load_all(handle, Loader=LOADER):
                        if "detection" in rule:
                            rules[rule["id"]] = (os.path.relpath(path, folder), rule)
    return rules


def searched(rule):
    """The field names that a rule's searches use, and whether one of them searches for values without a field."""
    names, keywords = set(), False
    for name, search in rule["detection"].items():
        if name == "condition":
            continue
        for part in search if isinstance(search, list) else [search]:
            if isinstance(part, dict):
                names.update(key.partition("|")[0] for key in part)
            else:
                keywords = True
    return names, keywords or "" in names


def kind_of_extra(rule, event):
    """Why only Borzoi reports a pair."""
    if rule["logsource"].get("category") == "process_creation" and str(event.get("EventID")) == "4688":
        return "process creation from Security 4688"
    if "Provider_Name" in searched(rule)[0] and "Provider_Name" not in event and "SourceName" in event:
        return "provider called SourceName"
    return None


def kind_of_missing(rule, known_fields):
    """Why another engine misses a pair that Borzoi and a third report."""
    names, keywords = searched(rule)
    absent = sorted(name for name in names if name and name.lower() not in known_fields)
    if absent:
        return f"names {', '.join(absent)}, which no event here has"
    if keywords:
        return "keywords"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("alerts")
    parser.add_argument("rules")
    parser.add_argument("others", nargs=2)
    parser.add_argument("--step", type=int, default=10)
    args = parser.parse_args()

    events, line_at, known_fields, offset = {}, {}, set(), 0
    with open(args.events, "rb") as handle:
        for number, line in enumerate(handle):
            line_at[offset] = number * args.step
            event = json.loads(line)
            events[number * args.step] = event
            known_fields.update(name.lower() for name in event)
            offset += len(line)
    with open(args.alerts, encoding="utf-8") as handle:
        ours = {(a["rule"]["id"], line_at[a["event"]["log"]["offset"]]) for a in map(json.loads, handle)}
    rules = read_rules(args.rules)
    names = [os.path.basename(path).removeprefix("pairs-").removesuffix(".csv") for path in args.others]
    others = []
    for path in args.others:
        with open(path, encoding="utf-8", newline="") as handle:
            others.append({(row["rule_id"], int(row["line"])) for row in csv.DictReader(handle)})
    first, second = others

    print(f"borzoi {len(ours)}, {names[0]} {len(first)}, {names[1]} {len(second)}, both {len(first & second)}")
    table = collections.defaultdict(list)
    for rule, line in ours - (first | second):
        table["only borzoi", kind_of_extra(rules[rule][1], events[line]), rule].append(line)
    for rule, line in (first | second) - ours:
        table["not borzoi", None, rule].append(line)
    for name, has, lacks in ((names[1], first, second), (names[0], second, first)):
        for rule, line in (has - lacks) & ours:
            table[f"not {name}", kind_of_missing(rules[rule][1], known_fields), rule].append(line)

    unexplained = 0
    for (who, kind, rule), lines in sorted(table.items(), key=lambda entry: str(entry[0])):
        unexplained += kind is None
        shown = " ".join(map(str, sorted(lines)))
        print(f"{who}\t{kind or 'UNEXPLAINED'}\t{rule}\t{rules[rule][0]}\t{len(lines)}\t{shown}")
    raise SystemExit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
