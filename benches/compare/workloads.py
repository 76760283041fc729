"""The inputs of the workloads, made from the corpora into a cache folder. Everything is a function of the corpora and
the arguments: the same call gives the same bytes, on any machine.

`blocks` takes a part of a corpus that still looks like the whole. `hard_events` takes process creation and PowerShell
events and repeats them with other user names, ids and times. `rule_set` makes small sets and large ones of SigmaHQ's
rules; the large ones hold variants with other literals. `evtx_copies` repeats the EVTX samples.
"""
import datetime
import functools
import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import traceback
import uuid

BLOCK = 1_000
RULE_FOLDERS = ("rules/windows", "rules-emerging-threats", "rules-threat-hunting")
HARD_EVENT_IDS = (b"1", b"4688", b"4103", b"4104")


def in_child(make, *args):
    """Calls `make` in a forked process. What a process has held once counts as peak memory of every command that it
    starts later, so this one stays small."""
    child = os.fork()
    if child == 0:
        try:
            make(*args)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit(f"{make.__name__} failed")


def once(path, make, *args):
    """`make(temporary path, *args)` unless `path` is there from an earlier call."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.part")
        shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink(missing_ok=True)
        in_child(make, temporary, *args)
        temporary.rename(path)
    return path


def count_lines(path):
    with open(path, "rb") as handle:
        return sum(part.count(b"\n") for part in iter(lambda: handle.read(1 << 20), b""))


def unpack(target, archive):
    """A .zst file, or the content of a .tar.zst."""
    if archive.name.endswith(".tar.zst"):
        target.mkdir(parents=True)
        subprocess.run(["tar", "--use-compress-program=zstd --long=27", "-xf", archive, "-C", target], check=True)
    else:
        subprocess.run(["zstd", "-dq", "--long=27", archive, "-o", target], check=True)


def blocks(target, source, events):
    """About `events` lines of `source`: whole blocks of consecutive lines, evenly spread, because neighbours are
    alike and parsers may live from that."""
    total = count_lines(source)
    step = max(total / max(events, 1), 1)
    with open(source, "rb") as read, open(target, "wb") as write:
        for block in range((total + BLOCK - 1) // BLOCK):
            lines = itertools.islice(read, BLOCK)
            if int(block / step) != int((block - 1) / step) or block == 0:
                write.writelines(lines)
            else:
                for _ in lines:
                    pass


def single(target, source):
    """The first line alone."""
    with open(source, "rb") as read, open(target, "wb") as write:
        write.write(read.readline())


# --- hard events ----------------------------------------------------------------------------------------------

# Names that systems and rules know; other user names are people, and vary.
WELL_KNOWN = {
    "system", "local service", "network service", "anonymous logon", "administrator", "public", "default", "guest",
    "all users", "-", "",
}
# Each pattern keeps what stands before and after the part that varies. They run over the line as it is, so
# key order, spacing and escapes stay those of the corpus.
GUID = re.compile(rb'(?<!"ProviderGuid":"\{)(?<![0-9A-Za-z-])([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})')
DIGEST = re.compile(rb"\b(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32})\b")
HEX_ID = re.compile(rb'((?:LogonId|Logon ID|ProcessId|Process ID|HandleId)(?:"?:"?|\\[trn]|[ :])*0x)([0-9A-Fa-f]{3,})\b')
NUMBER_ID = re.compile(
    rb'((?:Process(?:ID|Id|Guid)|ThreadID|RecordNumber|Sequence Number|Pipeline ID)(?:"?: ?"?| = ))(\d+)\b'
)
TIME = re.compile(rb"\b(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d{3})?")
USER = re.compile(
    rb'("(?:SubjectUserName|TargetUserName|AccountName)":"|"User":"[^"\\]*\\\\|Account Name:(?:\\t)+|'
    rb'(?:Connected )?User = [^"\\\n]*\\\\|\\\\Users\\\\|\bUser: [^"\\\n]*\\\\)([^"\\$]+)(?=["\\])'
)
HOST = re.compile(rb'("Hostname":")([^".]+)')
COMMAND_LINE = re.compile(rb'"(?:Parent)?CommandLine":"(?:[^"\\]|\\.)+(?=")')
SCRIPT = re.compile(rb'"ScriptBlockText":"(?:[^"\\]|\\.)+(?=")')
PAYLOAD = re.compile(rb'"Payload":"(?:[^"\\]|\\.)+(?=")')
IMAGE = re.compile(rb'("(?:Parent)?(?:Image|NewProcessName|ProcessName)":"(?:[^"\\]|\\.)*\\\\)([^"\\]+")')


def digest(kind, value, copy, length=16):
    """`length` hexadecimal digits that depend on all arguments; the same value in two places of one copy varies alike."""
    return hashlib.blake2b(value, key=b"%s/%d" % (kind, copy), digest_size=(length + 1) // 2).hexdigest()[:length].encode()


def as_cased(new, old):
    return new.upper() if old.upper() == old else new


def vary(line, copy, number):
    """The event as it could have happened elsewhere at another time: `copy` says where, `number` is the line's.

    Varied: GUIDs but the provider's, file hashes, process, thread, logon and record ids, times, people's names, host
    names. Three of four command lines get one more argument, script blocks one more comment, payloads one more bound
    parameter, and one of four images lies in one more folder. What rules search for stays, so about the same rules match.
    """

    def guid(found):
        old = found[1]
        if not old.strip(b"0-"):
            return old
        new = digest(b"guid", old.lower(), copy, 32)
        new = b"-".join((new[:8], new[8:12], new[12:16], new[16:20], new[20:]))
        return as_cased(new, old)

    def hex_id(found):
        if found[2].lower() in (b"3e4", b"3e5", b"3e7"):
            return found[0]
        new = b"%x" % (int(digest(b"hex", found[2].lower(), copy, 15), 16) % (15 << 4 * (len(found[2]) - 1)) + (1 << 4 * (len(found[2]) - 1)))
        return found[1] + as_cased(new, found[2])

    def number_id(found):
        if len(found[2]) == 1:
            return found[0]
        low = 10 ** (len(found[2]) - 1)
        return found[1] + b"%d" % (low + int(digest(b"number", found[2], copy), 16) % (9 * low))

    def user(found):
        if found[2].decode(errors="replace").lower() in WELL_KNOWN:
            return found[0]
        return found[1] + user_name(found[2].lower(), copy)

    def tagged(tag):
        def add(found):
            mark = digest(b"tag", found[0], copy * 1_000_003 + number)
            return found[0] if mark[:1] in b"0123" else found[0] + tag % mark
        return add

    def image(found):
        mark = digest(b"image", found[0], copy * 1_000_003 + number)
        return found[1] + b"v%s\\\\" % mark[:5] + found[2] if mark[:1] in b"0123" else found[0]

    line = GUID.sub(guid, line)
    line = DIGEST.sub(lambda found: as_cased(digest(b"hash", found[0].lower(), copy, len(found[0])), found[0]), line)
    line = HEX_ID.sub(hex_id, line)
    line = NUMBER_ID.sub(number_id, line)
    line = TIME.sub(lambda found: later(found[1], copy) + (found[2] and b".%03d" % ((int(found[2][1:]) + 37 * copy) % 1000) or b""), line)
    line = USER.sub(user, line)
    line = HOST.sub(lambda found: found[1] + found[2][:8] + b"-" + digest(b"host", found[2].lower(), copy, 4), line)
    line = COMMAND_LINE.sub(tagged(b" /run:%s"), line)
    line = SCRIPT.sub(tagged(b"\\n# run %s"), line)
    line = PAYLOAD.sub(tagged(b'ParameterBinding(Out-Null): name=\\"InputObject\\"; value=\\"%s\\"\\n'), line)
    return IMAGE.sub(image, line)


@functools.lru_cache(maxsize=65_536)
def user_name(name, copy):
    syllables = [b"ba", b"de", b"fi", b"go", b"ha", b"je", b"ki", b"lo", b"ma", b"ne", b"pi", b"ro", b"sa", b"te", b"vi", b"zo"]
    return b"".join(syllables[int(d, 16)] for d in digest(b"user", name, copy, 4).decode())


@functools.lru_cache(maxsize=65_536)
def later(time, copy):
    moment = datetime.datetime.fromisoformat(time.decode()) + datetime.timedelta(seconds=copy * 90_061)
    return moment.isoformat(sep=chr(time[10])).encode()


def hard_events(target, source, events, even):
    """`events` lines: the corpus's events with HARD_EVENT_IDS, as they are and then copy after copy varied. `even`
    takes the same number of each id, else the corpus's own shares (nine of ten are 4103)."""
    by_id = {event_id: [] for event_id in HARD_EVENT_IDS}
    event_id = re.compile(rb'"EventID":"?(\d+)\b')
    lines = []
    with open(source, "rb") as handle:
        for line in handle:
            found = event_id.search(line)
            if found and found[1] in by_id:
                by_id[found[1]].append(line)
                lines.append(line)
    with open(target, "wb") as write:
        if even:
            lanes = [by_id[i] for i in HARD_EVENT_IDS]
            order = ((lane[n // len(lanes) % len(lane)], n // len(lanes) // len(lane)) for n in itertools.count() for lane in [lanes[n % len(lanes)]])
        else:
            order = ((line, copy) for copy in itertools.count() for line in lines)
        for number, (line, copy) in enumerate(itertools.islice(order, events)):
            write.write(line if copy == 0 else vary(line, copy, number))


# --- rules ----------------------------------------------------------------------------------------------------

# Literals in at least this many rules (`\powershell.exe`, `Set-`) are the common words of detection; the rules of a
# larger set would use them too, so variants keep them.
COMMON = 10
KEPT_MODIFIERS = {"cidr", "exists", "fieldref", "expand", "lt", "lte", "gt", "gte"}
WORD = re.compile(r"[A-Za-z]{3,}")
# In a regular expression letters can also be classes, groups and escapes; longer words that follow none of those are text.
REGEX_WORD = re.compile(r"(?<![\\A-Za-z(?\[<])[A-Za-z]{4,}")


def copy_rules(target, corpora):
    """SigmaHQ's Windows rules of all three folders in one, since some programs take only one. The two collections
    besides `rules/windows` hold rules for other systems too."""
    for folder in RULE_FOLDERS:
        for path in sorted((corpora / "sigma" / folder).rglob("*.yml")):
            text = path.read_text(encoding="utf-8")
            if re.search(r"^ +product: *windows\b", text, re.MULTILINE):
                to = target / path.relative_to(corpora / "sigma")
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(text, encoding="utf-8")


def values(part, field=""):
    """(field with modifiers, value) of every literal below a search."""
    if isinstance(part, dict):
        for key, inner in part.items():
            yield from values(inner, key)
    elif isinstance(part, list):
        for inner in part:
            yield from values(inner, field)
    else:
        yield field, part


def renamed(part, copy, common, field=""):
    """The search with the letters of its rare literals shifted, length and case kept."""
    if isinstance(part, dict):
        return {key: renamed(inner, copy, common, key) for key, inner in part.items()}
    if isinstance(part, list):
        return [renamed(inner, copy, common, field) for inner in part]
    name, *modifiers = field.split("|")
    if not isinstance(part, str) or part in common or KEPT_MODIFIERS & set(modifiers) or name in ("Channel", "Provider_Name"):
        return part

    def shift(found):
        key = hashlib.blake2b(found[0].lower().encode(), digest_size=16, key=b"%d" % copy).digest()
        letters = []
        for i, letter in enumerate(found[0]):
            base = ord("A") if letter.isupper() else ord("a")
            letters.append(chr(base + (ord(letter) - base + key[i % 16]) % 26))
        return "".join(letters)

    return (REGEX_WORD if "re" in modifiers else WORD).sub(shift, part)


def rule_set(target, source, count):
    """`count` rules: every n-th of the real ones, or all of them and then variants of them all, copy after copy."""
    import yaml

    loader, dumper = getattr(yaml, "CSafeLoader", yaml.SafeLoader), getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    paths = sorted(source.rglob("*.yml"))
    rules = []
    for path in paths:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=loader))
        if len(documents) == 1 and "detection" in documents[0]:
            rules.append(documents[0])
    chosen = rules if count >= len(rules) else [rules[i * len(rules) // count] for i in range(count)]
    seen_in = {}
    for number, rule in enumerate(rules):
        for name, search in rule["detection"].items():
            if name != "condition":
                for _, value in values(search):
                    seen_in.setdefault(value, set()).add(number)
    common = {value for value, where in seen_in.items() if len(where) >= COMMON}
    target.mkdir(parents=True)
    real, variants = iter(chosen), endless_variants(rules, common)
    for number in range(count):
        copy, rule = (0, next(real)) if number < len(chosen) else next(variants)
        text = yaml.dump(rule, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1000)
        folder = target / f"{copy:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:06}.yml").write_text(text, encoding="utf-8")


def endless_variants(rules, common):
    """(copy, variant) of all rules in turns. Searches that the condition takes away (`filter…` by Sigma's convention)
    stay: a rule with other filters would match more. Rules without any literal to change have no variants."""
    for copy in itertools.count(1):
        for rule in rules:
            for kept in (common, set()):
                detection = {
                    name: search if name == "condition" or name.startswith("filter") else renamed(search, copy, kept)
                    for name, search in rule["detection"].items()
                }
                if detection != rule["detection"]:
                    new_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{rule['id']}/{copy}"))
                    variant = {**rule, "id": new_id, "title": f"{rule['title']} ({copy})", "detection": detection}
                    variant.pop("related", None)
                    yield copy, variant
                    break


def no_match_rule(target):
    """One rule for a log source that no event has: the scan that stores events and searches for nothing."""
    target.mkdir(parents=True)
    rule = {
        "title": "Nothing", "id": str(uuid.uuid5(uuid.NAMESPACE_OID, "nothing")), "status": "test", "level": "low",
        "logsource": {"product": "aix", "service": "nothing"}, "detection": {"selection": {"nothing": "nothing"}, "condition": "selection"},
    }
    (target / "nothing.yml").write_text(json.dumps(rule), encoding="utf-8")


# --- EVTX -----------------------------------------------------------------------------------------------------


def evtx_copies(target, samples, copies):
    """The samples `copies` times; copy 0 alone is also what loading is measured with, cut to the smallest file."""
    files = sorted(p for p in pathlib.Path(samples).rglob("*") if p.suffix.lower() == ".evtx")
    for copy in range(copies):
        for path in files:
            to = target / f"{copy:03}" / path.relative_to(samples)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def smallest_evtx(target, samples):
    files = [p for p in pathlib.Path(samples).rglob("*") if p.suffix.lower() == ".evtx"]
    target.mkdir(parents=True)
    shutil.copyfile(min(files, key=lambda p: (p.stat().st_size, p)), target / "one.evtx")
