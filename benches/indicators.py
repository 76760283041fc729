#!/usr/bin/env python3
"""Writes lists of made-up indicators: benches/indicators.py COUNT FOLDER

Four in ten are addresses, three names, two SHA-256, one a URL; each has a description of its own, as feeds with
references do. They are spread over eight lists. The same count gives the same lists.

What indicators cost a scan, and how much memory they take:

    benches/indicators.py 2000000 /tmp/indicators
    for i in 1 2 3; do
        perf stat -e instructions:u,task-clock target/release/borzoi scan LOGS --threads 1 --output csv -q > /dev/null
        perf stat -e instructions:u,task-clock target/release/borzoi scan LOGS --threads 1 --output csv -q \\
            --indicators /tmp/indicators > /dev/null
    done

Reading the lists takes time too: take off what a scan of one event with them takes.
"""

import hashlib
import os
import sys


def value(number: int) -> tuple[str, str]:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    match number % 10:
        case 0 | 1 | 2 | 3:
            # Not of private networks, so that hits are as rare as they are with real lists.
            parts = [int(digest[at : at + 2], 16) for at in range(0, 8, 2)]
            return f"{64 + parts[0] % 60}.{parts[1]}.{parts[2]}.{parts[3]}", "ip"
        case 4 | 5 | 6:
            return f"{digest[:6]}.host{digest[6:14]}.example", "domain"
        case 7 | 8:
            return digest, "sha256"
        case _:
            return f"http://host{digest[:8]}.example/files/{digest[8:24]}/load.php?id={number % 1000}", "url"


def main() -> None:
    count, folder = int(sys.argv[1]), sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    lists = [open(os.path.join(folder, f"list{number}.csv"), "w") for number in range(8)]
    for each in lists:
        each.write("indicator,type,comment,tags,confidence,valid_until\n")
    labels = ["c2|bot", "phishing", "dropper"]
    for number in range(count):
        text, kind = value(number)
        row = f'{text},{kind},"Some family, reference {number:08}",{labels[number % 3]},{number % 4 * 25},2036-01-01\n'
        lists[number % 8].write(row)
    for each in lists:
        each.close()


if __name__ == "__main__":
    main()
