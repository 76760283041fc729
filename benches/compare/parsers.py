"""The same lines through Borzoi's parsers, rsyslog's normaliser and DuckDB's readers; one thread, CPU time only.

Borzoi's row is the bench `parse`: bytes to finished Arrow columns. rsyslog reads the file with `imfile`, takes each line
apart with `mmnormalize` and the rules in `rsyslog/`, and writes all fields as JSON. DuckDB reads CSV and JSON into an Arrow
table. Rates come from the CPU time of reading alone (Borzoi, DuckDB), or of the whole daemon (rsyslog).
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# Workload, file, peer.
WORKLOADS = (
    ("windows", "windows.ndjson", "duckdb"), ("zeek", "conn.log", "duckdb"), ("csv", "export.csv", "duckdb"),
    ("auth", "auth.log", "rsyslog"), ("asa", "asa.log", "rsyslog"), ("access", "access.log", "rsyslog"),
    ("fortigate", "fortigate.log", "rsyslog"), ("cef", "cef.log", "rsyslog"),
    ("panos", "panos.log", None), ("netflow", "netflow.bin", None), ("mixed", "mixed.log", None),
)
RSYSLOG = """
global(workDirectory="{work}" maxMessageSize="64k")
module(load="imfile" mode="inotify")
module(load="mmnormalize")
template(name="json" type="list") {{ property(name="$!all-json-plain") constant(value="\\n") }}
ruleset(name="r" queue.type="direct") {{
  action(type="mmnormalize" useRawMsg="on" rulebase="{rules}")
  action(type="omfile" file="{work}/out" template="json" ioBufferSize="64k" flushOnTXEnd="off")
}}
input(type="imfile" File="{source}" Tag="x" ruleset="r")
"""
DUCKDB = """
import duckdb, json, os, sys
source = sys.argv[1]
connection = duckdb.connect()
connection.execute("PRAGMA threads=1")
if source.endswith(".ndjson"):
    columns = {}
    for number, line in enumerate(open(source)):
        for key, value in json.loads(line).items():
            columns.setdefault(key, "BIGINT" if isinstance(value, int) else "VARCHAR")
        if number > 5000:
            break
    named = ", ".join(f"'{key}': '{kind}'" for key, kind in columns.items())
    query = f"from read_json('{source}', format='newline_delimited', columns={{{named}}})"
elif source.endswith(".csv"):
    query = f"from read_csv('{source}', header=true)"
else:
    query = f"from read_csv('{source}', delim='\\t', comment='#', header=false, nullstr='-')"
connection.sql(query).to_arrow_table()
before = os.times()
connection.sql(query).to_arrow_table()
after = os.times()
print(after.user + after.system - before.user - before.system)
"""


def ours(program, source):
    done = subprocess.run([program, "--json", "--runs", "1", source], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    return report["cpu_seconds"], report["events"]


def duckdb(python, source):
    done = subprocess.run([python, "-c", DUCKDB, source], capture_output=True, text=True, check=True)
    return float(done.stdout)


def rsyslog(program, workload, source):
    """CPU seconds of the daemon until its output has stopped growing."""
    work = pathlib.Path(tempfile.mkdtemp(prefix="rsyslog-"))
    try:
        rules = HERE / "rsyslog" / f"{workload}.rulebase"
        (work / "conf").write_text(RSYSLOG.format(work=work, rules=rules, source=source), encoding="utf-8")
        daemon = subprocess.Popen([program, "-n", "-i", work / "pid", "-f", work / "conf"], stderr=subprocess.DEVNULL)
        out, last, still = work / "out", -1, 0
        while still < 4 and daemon.poll() is None:
            time.sleep(0.5)
            size = out.stat().st_size if out.exists() else 0
            still = still + 1 if size == last and size else 0
            last = size
        fields = pathlib.Path(f"/proc/{daemon.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        daemon.terminate()
        daemon.wait()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def compare(program, cache, python, rounds, megabytes):
    """Rows of medians; `program` is the release binary of the bench `parse`."""
    inputs = cache / f"parse-{megabytes}"
    if not inputs.exists():
        inputs.mkdir(parents=True)
        subprocess.run([program, "--bytes", str(megabytes), "--write", inputs], check=True)
    daemon = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    rows = []
    for workload, file, peer in WORKLOADS:
        source = inputs / file
        mine, theirs, events = [], [], 0
        for _ in range(rounds):
            seconds, events = ours(program, source)
            mine.append(seconds)
            if peer == "duckdb":
                theirs.append(duckdb(python, source))
            elif peer == "rsyslog" and daemon:
                theirs.append(rsyslog(daemon, workload, source))
        size = source.stat().st_size / 1e6
        median = statistics.median(mine)
        row = {"name": workload, "mb_per_cpu_s": size / median, "events_per_cpu_s": events / median}
        if theirs:
            row |= {"peer": peer, "peer_mb_per_cpu_s": size / statistics.median(theirs), "borzoi_is_times": statistics.median(theirs) / median}
        rows.append(row)
    return rows


def table(rows):
    lines = ["## parsers", "", f"{'':<10} {'MB/CPU s':>9} {'events/CPU s':>13}  {'peer':<8} {'MB/CPU s':>9} {'borzoi ×':>9}"]
    for row in rows:
        line = f"{row['name']:<10} {row['mb_per_cpu_s']:>9.1f} {row['events_per_cpu_s']:>13,.0f}"
        if "peer" in row:
            line += f"  {row['peer']:<8} {row['peer_mb_per_cpu_s']:>9.1f} {row['borzoi_is_times']:>9.2f}"
        lines.append(line)
    return "\n".join(lines) + "\n"
