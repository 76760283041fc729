//! The attacks of the day: who they hit, what they leave in which log, and what would count as finding them.
//!
//! Each leaves the records that the real thing leaves, in the words real tools use; addresses come from the
//! documentation ranges. Records carry no mark: the list in [`Attack::records`] is the only label.

mod acme;
mod globex;
mod quiet;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::{self, Clock, SECOND};
use super::files::Planned;
use super::random::Random;
use super::windows::Start;
use super::world::{Host, Tenant};

/// An attack of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attack {
    /// Short name, the same in every run.
    pub id: String,
    /// Title.
    pub name: String,
    /// What happens, in a sentence or two.
    pub description: String,
    /// Whom it hits.
    pub tenant: String,
    /// ATT&CK technique ids. An alert with one of them on one of the records counts.
    pub techniques: Vec<String>,
    /// Ids of rules that count whatever their techniques.
    pub rules: Vec<String>,
    /// Of an attack that only shows in many records together: whom an alert of its `rules` must be about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// Its records.
    pub records: Vec<Record>,
}

/// A log record of an attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// File below the folder of the logs (`acme/windows/sysmon.ndjson`).
    pub file: String,
    /// Event time as precise as the log writes it, RFC 3339.
    pub time: String,
    /// The host that the record names, if it names one.
    pub host: Option<String>,
}

/// Attacks and their lines by file.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub attacks: Vec<Attack>,
    pub lines: BTreeMap<String, Vec<Planned>>,
}

impl Plan {
    fn begin(
        &mut self,
        tenant: &str,
        id: &str,
        name: &str,
        description: &str,
        techniques: &[&str],
        rules: &[&str],
    ) {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        self.attacks.push(Attack {
            id: id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            tenant: tenant.to_owned(),
            techniques: texts(techniques),
            rules: texts(rules),
            about: Vec::new(),
            records: Vec::new(),
        });
    }

    /// Says whom an alert about the attack begun last must name, among the values of its group.
    fn about(&mut self, names: &[&str]) {
        let attack = self.attacks.last_mut().expect("an attack has begun");
        attack.about = names.iter().map(|name| (*name).to_owned()).collect();
    }

    /// Adds a record to the attack begun last.
    fn add(&mut self, file: &str, time: i64, host: Option<&Host>, text: String) {
        // Syslog, access logs and CloudTrail know seconds, the audit daemon and Windows' shippers milliseconds.
        let unit = if file.ends_with("auth.log") || file.contains("access.log") || file.contains("/aws/") {
            SECOND
        } else if file.contains("sysmon") || file.contains("security") || file.ends_with("audit.log") {
            1000
        } else {
            1
        };
        let attack = self.attacks.last_mut().expect("an attack has begun");
        attack.records.push(Record {
            file: file.to_owned(),
            time: clock::rfc3339(time - time.rem_euclid(unit)),
            host: host.map(|host| {
                if file.ends_with("auth.log") {
                    host.name.clone()
                } else {
                    host.fqdn.clone()
                }
            }),
        });
        self.lines
            .entry(file.to_owned())
            .or_default()
            .push(Planned { time, text });
    }
}

const POWERSHELL: &str = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
const CMD: &str = "C:\\Windows\\System32\\cmd.exe";
const SYSTEM: &str = "NT AUTHORITY\\SYSTEM";

/// Files of the two tenants that attacks leave records in.
pub(super) mod file {
    pub const ACME_SYSMON: &str = "acme/windows/sysmon.ndjson";
    pub const ACME_SECURITY: &str = "acme/windows/security.ndjson.gz";
    pub const ACME_POWERSHELL: &str = "acme/windows/powershell.json";
    pub const ACME_CONN: &str = "acme/zeek/conn.log";
    pub const ACME_DNS: &str = "acme/zeek/dns.log.gz";
    pub const ACME_AUTH: &str = "acme/linux/auth.log";
    pub const GLOBEX_SYSMON: &str = "globex/windows/sysmon.ndjson.gz";
    pub const GLOBEX_AUTH: &str = "globex/linux/auth.log";
    pub const GLOBEX_AUDIT: &str = "globex/linux/audit.log";
    pub const GLOBEX_ACCESS: &str = "globex/web/access.log.gz";
    pub const GLOBEX_HTTP: &str = "globex/zeek/http.log";
}

/// CloudTrail delivers many small files; here four, of six hours each. The one that a time falls into.
pub(super) fn cloudtrail_file(clock: Clock, quarter: i64) -> String {
    let stamp = clock::format(clock.at(quarter * 6, 0, 0, 0), "%Y%m%dT%H%MZ");
    format!("globex/aws/111122223333_CloudTrail_eu-central-1_{stamp}.json.gz")
}

/// Base64 of UTF-16, as `-EncodedCommand` takes it.
fn encoded(script: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, &byte| (word << 8) | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// A program that came with Windows.
fn start<'a>(
    image: &'a str,
    original: &'a str,
    command: &'a str,
    parent: (&'a str, &'a str),
    user: &'a str,
) -> Start<'a> {
    Start {
        image,
        command,
        parent: parent.0,
        parent_command: parent.1,
        original,
        description: original,
        company: "Microsoft Corporation",
        user,
    }
}

/// All attacks of the day.
pub(super) fn plan(clock: Clock, random: &mut Random, acme: &Tenant, globex: &Tenant) -> Plan {
    let mut plan = Plan::default();
    acme::plan(&mut plan, clock, random, acme);
    globex::plan(&mut plan, clock, random, globex);
    quiet::plan(&mut plan, clock, random, acme);
    plan
}

/// Serial number of an audit event: they grow with time.
pub(super) fn serial(clock: Clock, time: i64) -> u64 {
    ((time - clock.at(0, 0, 0, 0)) / 20_000) as u64 + 4_000
}

#[cfg(test)]
mod tests {
    #[test]
    fn encodes_as_powershell_does() {
        assert_eq!(super::encoded("dir"), "ZABpAHIA");
        assert_eq!(super::encoded("ls"), "bABzAA==");
    }
}
