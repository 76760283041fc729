//! Sysmon's events as NDJSON: the records of `data/samples/sysmon.ndjson`, as they could have happened elsewhere.
//!
//! Times, hosts, users, process ids, GUIDs, hashes, addresses, ports and record numbers are the world's; one of four
//! command lines has one more argument, and files that are made have names of their own. What remains of the samples
//! is what Windows repeats too: paths of programs, rule names, channels.

use super::world::World;

const SAMPLES: &str = include_str!("../../../data/samples/sysmon.ndjson");

/// A record as text and what stands between.
enum Piece {
    Text(String),
    Value(&'static str),
    Guid,
    Hex(usize),
    Argument,
}

/// What becomes of the value of a key, and how much of its end stays.
fn varied(key: &str) -> Option<(&'static str, &'static str)> {
    Some(match key {
        "EventTime" => ("isoms", "+00:00"),
        "UtcTime" | "CreationUtcTime" | "PreviousCreationUtcTime" => ("spaced", ""),
        "Hostname" | "SourceHostname" => ("workstation", ".corp.example.com"),
        "RecordNumber" => ("serial", ""),
        "ExecutionProcessID" | "ProcessId" | "ParentProcessId" | "SourceProcessId" | "TargetProcessId"
        | "SourceThreadId" | "NewThreadId" => ("pid", ""),
        "SourceIp" => ("inside", ""),
        "DestinationIp" => ("outside", ""),
        "SourcePort" => ("port", ""),
        "DestinationPort" => ("service", ""),
        "QueryName" | "DestinationHostname" => ("domain", ""),
        "User" | "ParentUser" | "SourceUser" | "TargetUser" => ("user", ""),
        _ => return None,
    })
}

/// The records.
pub struct Windows {
    records: Vec<Vec<Piece>>,
}

impl Windows {
    /// The sample's records.
    pub fn new() -> Self {
        Windows {
            records: SAMPLES.lines().map(record).collect(),
        }
    }

    /// Writes the next record.
    pub fn write(&self, world: &mut World, to: &mut Vec<u8>) {
        world.tick();
        let record = &self.records[world.random.below(self.records.len() as u64) as usize];
        for piece in record {
            match piece {
                Piece::Text(text) => to.extend_from_slice(text.as_bytes()),
                Piece::Value(name) => world.write(name, to),
                Piece::Guid => {
                    // A process is met more than once.
                    let number = world.random.skewed(20_000, 2);
                    let hex = format!("{:016x}{number:016x}", super::world::mixed(number));
                    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
                    to.extend_from_slice(parts.join("-").as_bytes());
                }
                Piece::Hex(digits) => {
                    let number = world.random.skewed(5000, 2);
                    (0..*digits).for_each(|at| {
                        let digit = super::world::mixed(number * 64 + at as u64) & 15;
                        to.push(b"0123456789abcdef"[digit as usize]);
                    });
                }
                Piece::Argument => {
                    if world.random.below(4) == 0 {
                        to.extend_from_slice(b" /run:");
                        world.write("hex8", to);
                    }
                }
            }
        }
        to.push(b'\n');
    }
}

/// A flat record's pieces.
fn record(line: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut put = |text: &mut String, piece: Piece| {
        pieces.push(Piece::Text(std::mem::take(text)));
        pieces.push(piece);
    };
    let mut rest = line;
    while let Some(at) = rest.find("\":") {
        let key = rest[..at].rsplit('"').next().unwrap_or_default();
        let (before, value) = rest.split_at(at + 2);
        text.push_str(before);
        let quoted = value.starts_with('"');
        let end = match quoted {
            true => 1 + closing_quote(&value[1..]),
            false => value.find([',', '}']).unwrap_or(value.len()),
        };
        let inner = value[..end].trim_start_matches('"');
        rest = &value[end..];
        if quoted {
            text.push('"');
        }
        if let Some((kind, tail)) = varied(key).filter(|_| inner != "-") {
            if kind == "user" && inner.starts_with("NT AUTHORITY") {
                text.push_str(inner);
                continue;
            }
            if kind == "user" {
                text.push_str(r"CORP\\");
            }
            put(&mut text, Piece::Value(kind));
            text.push_str(tail);
        } else if key.ends_with("Guid") && key != "ProviderGuid" && inner.len() == 38 {
            text.push('{');
            put(&mut text, Piece::Guid);
            text.push('}');
        } else if key == "Hashes" {
            for part in inner.split_inclusive(',') {
                let (name, digest) = part.split_once('=').unwrap_or((part, ""));
                text.push_str(name);
                text.push('=');
                put(&mut text, Piece::Hex(digest.trim_end_matches(',').len()));
                text.push_str(if part.ends_with(',') { "," } else { "" });
            }
        } else if key == "TargetFilename" {
            let (folder, name) = inner.rsplit_once('\\').unwrap_or(("", inner));
            text.push_str(folder);
            text.push('\\');
            put(&mut text, Piece::Value("hex8"));
            text.push_str(name);
        } else {
            text.push_str(inner);
            if key.ends_with("CommandLine") && !inner.ends_with('"') {
                put(&mut text, Piece::Argument);
            }
        }
    }
    text.push_str(rest);
    pieces.push(Piece::Text(text));
    pieces
}

/// Where the string ends whose inside `text` begins with.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}
