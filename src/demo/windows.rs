//! Windows logs: Sysmon as flat JSON lines (NXLog), the Security and System logs as Winlogbeat sends them,
//! PowerShell as `evtx_dump` prints it.

use super::clock::{self, millis};
use super::json::Object;
use super::random::Random;
use super::world::{Host, PROGRAMS, Program, Tenant, User, WINDOWS, fill};

/// A process start, for Sysmon event 1.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub image: &'a str,
    pub command: &'a str,
    pub parent: &'a str,
    pub parent_command: &'a str,
    pub original: &'a str,
    pub description: &'a str,
    pub company: &'a str,
    /// `DOMAIN\name`.
    pub user: &'a str,
}

/// The head of every Sysmon event.
fn sysmon_head(random: &mut Random, time: i64, host: &Host, id: u32) -> Object {
    let mut utc = String::new();
    millis(&mut utc, time, ' ');
    let event_time = format!("{}+00:00", utc.replacen(' ', "T", 1));
    Object::new()
        .str("EventTime", &event_time)
        .str("Hostname", &host.fqdn)
        .raw("Keywords", "-9223372036854775808")
        .raw("EventID", id)
        .str("SourceName", "Microsoft-Windows-Sysmon")
        .str("ProviderGuid", "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}")
        .raw("RecordNumber", random.between(100_000, 9_000_000))
        .raw("ExecutionProcessID", random.between(2000, 4000))
        .str("Channel", "Microsoft-Windows-Sysmon/Operational")
        .str("RuleName", "-")
        .str("UtcTime", &utc)
}

/// Sysmon event 1.
pub(super) fn sysmon_start(random: &mut Random, time: i64, host: &Host, start: &Start<'_>) -> String {
    let system = start.user.starts_with("NT AUTHORITY");
    sysmon_head(random, time, host, 1)
        .str("ProcessGuid", &random.guid())
        .raw("ProcessId", random.between(400, 20_000))
        .str("Image", start.image)
        .str("FileVersion", "10.0.22621.4391 (WinBuild.160101.0800)")
        .str("Description", start.description)
        .str(
            "Product",
            if start.company == "Microsoft Corporation" {
                "Microsoft® Windows® Operating System"
            } else {
                start.description
            },
        )
        .str("Company", start.company)
        .str("OriginalFileName", start.original)
        .str("CommandLine", start.command)
        .str("CurrentDirectory", "C:\\Windows\\system32\\")
        .str("User", start.user)
        .str("LogonGuid", &random.guid())
        .str("LogonId", if system { "0x3e7" } else { "0x4a1f2c" })
        .raw("TerminalSessionId", u8::from(!system))
        .str("IntegrityLevel", if system { "System" } else { "Medium" })
        .str("Hashes", &hashes(start.image))
        .str("ParentProcessGuid", &random.guid())
        .raw("ParentProcessId", random.between(400, 20_000))
        .str("ParentImage", start.parent)
        .str("ParentCommandLine", start.parent_command)
        .str("ParentUser", start.user)
        .end()
}

/// The same program has the same hash everywhere.
fn hashes(image: &str) -> String {
    let name = image.rsplit('\\').next().unwrap_or(image);
    let mut random = Random::new(7, name);
    format!(
        "SHA256={},IMPHASH={}",
        random.hex(64).to_uppercase(),
        random.hex(32).to_uppercase()
    )
}

/// Any other Sysmon event: the head, the acting process, then `fields`.
pub(super) fn sysmon_event(
    random: &mut Random,
    time: i64,
    host: &Host,
    id: u32,
    process: &str,
    user: &str,
    fields: &[(&str, &str)],
) -> String {
    let head = sysmon_head(random, time, host, id);
    let object = if matches!(id, 8 | 10) {
        head.str("SourceProcessGUID", &random.guid())
            .raw("SourceProcessId", random.between(400, 20_000))
            .str("SourceImage", process)
            .strs(fields)
            .str("SourceUser", user)
    } else {
        head.str("ProcessGuid", &random.guid())
            .raw("ProcessId", random.between(400, 20_000))
            .str("Image", process)
            .strs(fields)
            .str("User", user)
    };
    object.end()
}

/// Who an ordinary program runs as, in Sysmon's spelling.
fn account(tenant: &Tenant, program: &Program, user: &User) -> String {
    if program.runs_as == "system" {
        "NT AUTHORITY\\SYSTEM".to_owned()
    } else {
        format!("{}\\{}", tenant.domain, user.name)
    }
}

/// An ordinary Sysmon event.
pub(super) fn sysmon(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let host = if random.chance(18) {
        random.pick(&tenant.windows[..tenant.servers])
    } else {
        tenant.workstation(random)
    };
    let user = &tenant.users[host.owner];
    let program = loop {
        let program = random.usual(&PROGRAMS);
        // Nobody reads mail on a server.
        if host.role == "workstation" || program.runs_as == "system" || random.chance(10) {
            break program;
        }
    };
    let image = fill(&program.image, user, random);
    let account = account(tenant, program, user);
    match random.below(100) {
        0..=31 => {
            let command = fill(&program.command, user, random);
            let parent = fill(&program.parent, user, random);
            let parent_command = fill(&program.parent_command, user, random);
            let start = Start {
                image: &image,
                command: &command,
                parent: &parent,
                parent_command: &parent_command,
                original: &program.original,
                description: &program.description,
                company: &program.company,
                user: &account,
            };
            sysmon_start(random, time, host, &start)
        }
        32..=49 => {
            let to = if random.chance(60) {
                super::world::outside(random)
            } else {
                random.pick(&tenant.windows[..tenant.servers]).ip.clone()
            };
            let inside = to.starts_with("10.");
            let port = if inside {
                *random.pick(&["445", "389", "88", "135", "1433"])
            } else {
                "443"
            };
            let name = if inside {
                "-".to_owned()
            } else {
                random.word(&WINDOWS.domains).to_owned()
            };
            let source_port = random.between(49_200, 65_000).to_string();
            sysmon_event(
                random,
                time,
                host,
                3,
                &image,
                &account,
                &[
                    ("Protocol", "tcp"),
                    ("Initiated", "true"),
                    ("SourceIsIpv6", "false"),
                    ("SourceIp", &host.ip),
                    ("SourceHostname", &host.fqdn),
                    ("SourcePort", &source_port),
                    ("SourcePortName", "-"),
                    ("DestinationIsIpv6", "false"),
                    ("DestinationIp", &to),
                    ("DestinationHostname", &name),
                    ("DestinationPort", port),
                    ("DestinationPortName", if port == "443" { "https" } else { "-" }),
                ],
            )
        }
        50..=61 => {
            let (library, description) = random.usual(&WINDOWS.libraries);
            sysmon_event(
                random,
                time,
                host,
                7,
                &image,
                &account,
                &[
                    ("ImageLoaded", library),
                    ("FileVersion", "10.0.22621.4391 (WinBuild.160101.0800)"),
                    ("Description", description),
                    ("Product", "Microsoft® Windows® Operating System"),
                    ("Company", "Microsoft Corporation"),
                    ("OriginalFileName", library.rsplit('\\').next().unwrap_or("-")),
                    ("Hashes", &hashes(library)),
                    ("Signed", "true"),
                    ("Signature", "Microsoft Windows"),
                    ("SignatureStatus", "Valid"),
                ],
            )
        }
        62..=66 => {
            let (source, access) = *random.pick(&[
                (
                    "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18.25090.3009-0\\MsMpEng.exe",
                    "0x1000",
                ),
                ("C:\\Windows\\System32\\svchost.exe", "0x1000"),
                ("C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", "0x1410"),
                ("C:\\Windows\\System32\\csrss.exe", "0x1fffff"),
            ]);
            let target = *random.pick(&[
                "C:\\Windows\\System32\\lsass.exe",
                "C:\\Windows\\System32\\svchost.exe",
                "C:\\Windows\\explorer.exe",
            ]);
            sysmon_event(
                random,
                time,
                host,
                10,
                source,
                "NT AUTHORITY\\SYSTEM",
                &[
                    ("TargetImage", target),
                    ("GrantedAccess", access),
                    (
                        "CallTrace",
                        "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e|C:\\Windows\\System32\\KERNEL32.DLL+17344",
                    ),
                    ("TargetUser", "NT AUTHORITY\\SYSTEM"),
                ],
            )
        }
        67..=77 => {
            let file = fill(random.word(&WINDOWS.files), user, random);
            let mut created = String::new();
            millis(&mut created, time, ' ');
            sysmon_event(
                random,
                time,
                host,
                11,
                &image,
                &account,
                &[("TargetFilename", &file), ("CreationUtcTime", &created)],
            )
        }
        78..=86 => {
            let object = fill(random.word(&WINDOWS.registry), user, random);
            if random.chance(25) {
                sysmon_event(
                    random,
                    time,
                    host,
                    12,
                    &image,
                    &account,
                    &[("EventType", "CreateKey"), ("TargetObject", &object)],
                )
            } else {
                let details = *random.pick(&[
                    "Binary Data",
                    "DWORD (0x00000001)",
                    "QWORD (0x01dc5a3f-0x2b11c4e0)",
                    "(Empty)",
                ]);
                sysmon_event(
                    random,
                    time,
                    host,
                    13,
                    &image,
                    &account,
                    &[
                        ("EventType", "SetValue"),
                        ("TargetObject", &object),
                        ("Details", details),
                    ],
                )
            }
        }
        _ => {
            let domain = random.word(&WINDOWS.domains);
            let address = format!("::ffff:{};", super::world::outside(random));
            sysmon_event(
                random,
                time,
                host,
                22,
                &image,
                &account,
                &[
                    ("QueryName", domain),
                    ("QueryStatus", "0"),
                    ("QueryResults", &address),
                ],
            )
        }
    }
}

/// An event of the Security or System log as Winlogbeat 7 sends it.
#[derive(Debug)]
pub(super) struct Logged<'a> {
    pub channel: &'a str,
    pub provider: &'a str,
    pub id: u32,
    pub task: &'a str,
    pub message: &'a str,
    pub failure: bool,
    pub data: &'a [(&'a str, &'a str)],
}

impl<'a> Logged<'a> {
    /// A successful event of the Security log.
    pub fn security(id: u32, task: &'a str, message: &'a str, data: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            channel: "Security",
            provider: "Microsoft-Windows-Security-Auditing",
            id,
            task,
            message,
            failure: false,
            data,
        }
    }

    /// A service installation in the System log.
    pub fn service(data: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            channel: "System",
            provider: "Service Control Manager",
            id: 7045,
            task: "None",
            message: "A service was installed in the system.",
            failure: false,
            data,
        }
    }
}

/// The record of `event`.
pub(super) fn winlogbeat(random: &mut Random, time: i64, host: &Host, event: &Logged<'_>) -> String {
    let mut at = String::new();
    millis(&mut at, time, 'T');
    at.push('Z');
    let keywords = match (event.channel, event.failure) {
        ("Security", false) => "[\"Audit Success\"]",
        ("Security", true) => "[\"Audit Failure\"]",
        _ => "[\"Classic\"]",
    };
    let object = Object::new()
        .str("@timestamp", &at)
        .open("agent")
        .str("hostname", &host.name)
        .str("type", "winlogbeat")
        .str("version", "7.17.24")
        .close()
        .open("ecs")
        .str("version", "1.12.0")
        .close()
        .open("event")
        .str("action", event.task)
        .raw("code", event.id)
        .str("kind", "event")
        .str("outcome", if event.failure { "failure" } else { "success" })
        .str("provider", event.provider)
        .close()
        .open("host")
        .str("name", &host.fqdn)
        .close()
        .open("log")
        .str("level", "information")
        .close()
        .str("message", event.message)
        .open("winlog")
        .str("api", "wineventlog")
        .str("channel", event.channel)
        .str("computer_name", &host.fqdn);
    let object = if event.id == 1102 {
        object.open("user_data")
    } else {
        object.open("event_data")
    };
    object
        .strs(event.data)
        .close()
        .raw("event_id", event.id)
        .raw("keywords", keywords)
        .str("opcode", "Info")
        .open("process")
        .raw("pid", 4)
        .open("thread")
        .raw("id", random.between(100, 9000))
        .close()
        .close()
        .str("provider_name", event.provider)
        .raw("record_id", random.between(1_000_000, 90_000_000))
        .str("task", event.task)
        .close()
        .end()
}

/// An ordinary event of the Security log (with a little of System).
pub(super) fn security(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let host = if random.chance(55) {
        random.pick(&tenant.windows[..tenant.servers])
    } else {
        tenant.workstation(random)
    };
    let controller = &tenant.windows[random.below(2.min(tenant.servers as u64)) as usize];
    let client = tenant.workstation(random).clone();
    let user = random.pick(&tenant.users).clone();
    let machine = format!("{}$", host.name);
    let realm = tenant.dns.to_uppercase();
    let logon = format!("0x{}", random.hex(6));
    let port = random.between(49_200, 65_000).to_string();
    match random.below(1000) {
        0..=329 => {
            let (kind, process, package) = match random.below(10) {
                0..=5 => ("3", "Kerberos", "Kerberos"),
                6..=7 => ("5", "Advapi  ", "Negotiate"),
                8 => ("2", "User32 ", "Negotiate"),
                _ => ("10", "User32 ", "Negotiate"),
            };
            let (name, sid) = if kind == "5" {
                ("SYSTEM".to_owned(), "S-1-5-18".to_owned())
            } else {
                (user.name.clone(), user.sid.clone())
            };
            let ip = if kind == "5" { "-" } else { &client.ip };
            let data = [
                ("SubjectUserSid", "S-1-5-18"),
                ("SubjectUserName", machine.as_str()),
                ("SubjectDomainName", tenant.domain),
                ("SubjectLogonId", "0x3e7"),
                ("TargetUserSid", &sid),
                ("TargetUserName", &name),
                ("TargetDomainName", tenant.domain),
                ("TargetLogonId", &logon),
                ("LogonType", kind),
                ("LogonProcessName", process),
                ("AuthenticationPackageName", package),
                ("WorkstationName", &client.name),
                ("ProcessName", "C:\\Windows\\System32\\svchost.exe"),
                ("IpAddress", ip),
                ("IpPort", if ip == "-" { "-" } else { &port }),
                ("ImpersonationLevel", "%%1833"),
                ("ElevatedToken", "%%1842"),
            ];
            winlogbeat(
                random,
                time,
                host,
                &Logged::security(4624, "Logon", "An account was successfully logged on.", &data),
            )
        }
        330..=369 => {
            // Clumsy users, and a service with an old password.
            let name = if random.chance(20) {
                "svc_scan".to_owned()
            } else {
                user.name.clone()
            };
            let data = [
                ("SubjectUserSid", "S-1-0-0"),
                ("SubjectUserName", "-"),
                ("TargetUserName", name.as_str()),
                ("TargetDomainName", tenant.domain),
                ("Status", "0xc000006d"),
                ("FailureReason", "%%2313"),
                ("SubStatus", "0xc000006a"),
                ("LogonType", "3"),
                ("LogonProcessName", "NtLmSsp "),
                ("AuthenticationPackageName", "NTLM"),
                ("WorkstationName", &client.name),
                ("IpAddress", &client.ip),
                ("IpPort", &port),
            ];
            let event = Logged {
                failure: true,
                ..Logged::security(4625, "Logon", "An account failed to log on.", &data)
            };
            winlogbeat(random, time, host, &event)
        }
        370..=449 => {
            let data = [
                ("SubjectUserSid", "S-1-5-18"),
                ("SubjectUserName", machine.as_str()),
                ("SubjectDomainName", tenant.domain),
                ("SubjectLogonId", &logon),
                (
                    "PrivilegeList",
                    "SeSecurityPrivilege\n\t\t\tSeBackupPrivilege\n\t\t\tSeImpersonatePrivilege",
                ),
            ];
            winlogbeat(
                random,
                time,
                host,
                &Logged::security(
                    4672,
                    "Special Logon",
                    "Special privileges assigned to new logon.",
                    &data,
                ),
            )
        }
        450..=639 => {
            let program = random.usual(&PROGRAMS);
            let image = fill(&program.image, &user, random);
            let command = fill(&program.command, &user, random);
            let parent = fill(&program.parent, &user, random);
            let (name, sid) = if program.runs_as == "system" {
                (machine.as_str(), "S-1-5-18")
            } else {
                (user.name.as_str(), user.sid.as_str())
            };
            let process = format!("0x{}", random.hex(4));
            let creator = format!("0x{}", random.hex(3));
            let data = [
                ("SubjectUserSid", sid),
                ("SubjectUserName", name),
                ("SubjectDomainName", tenant.domain),
                ("SubjectLogonId", logon.as_str()),
                ("NewProcessId", &process),
                ("NewProcessName", &image),
                ("TokenElevationType", "%%1936"),
                ("ProcessId", &creator),
                ("CommandLine", &command),
                ("TargetUserSid", "S-1-0-0"),
                ("TargetUserName", "-"),
                ("ParentProcessName", &parent),
                ("MandatoryLabel", "S-1-16-8192"),
            ];
            winlogbeat(
                random,
                time,
                host,
                &Logged::security(4688, "Process Creation", "A new process has been created.", &data),
            )
        }
        640..=739 => {
            let data = [
                ("TargetUserName", user.name.as_str()),
                ("TargetDomainName", &realm),
                ("TargetSid", &user.sid),
                ("ServiceName", "krbtgt"),
                ("TicketOptions", "0x40810010"),
                ("Status", "0x0"),
                ("TicketEncryptionType", "0x12"),
                ("PreAuthType", "2"),
                ("IpAddress", &client.ip),
                ("IpPort", &port),
            ];
            winlogbeat(
                random,
                time,
                controller,
                &Logged::security(
                    4768,
                    "Kerberos Authentication Service",
                    "A Kerberos authentication ticket (TGT) was requested.",
                    &data,
                ),
            )
        }
        740..=939 => {
            let principal = format!("{}@{realm}", user.name);
            let address = format!("::ffff:{}", client.ip);
            let data = [
                ("TargetUserName", principal.as_str()),
                ("TargetDomainName", &realm),
                ("ServiceName", &machine),
                ("TicketOptions", "0x40810000"),
                ("TicketEncryptionType", "0x12"),
                ("IpAddress", &address),
                ("IpPort", &port),
                ("Status", "0x0"),
                ("TransmittedServices", "-"),
            ];
            winlogbeat(
                random,
                time,
                controller,
                &Logged::security(
                    4769,
                    "Kerberos Service Ticket Operations",
                    "A Kerberos service ticket was requested.",
                    &data,
                ),
            )
        }
        940 if random.chance(8) => {
            let admin = random.pick(&tenant.admins).clone();
            let data = [
                ("TargetUserName", user.name.as_str()),
                ("TargetDomainName", tenant.domain),
                ("TargetSid", &user.sid),
                ("SubjectUserSid", "S-1-5-21-1004336348-1177238915-682003330-1150"),
                ("SubjectUserName", &admin),
                ("SubjectDomainName", tenant.domain),
                ("SamAccountName", &user.name),
                ("UserAccountControl", "%%2080 %%2082 %%2084"),
            ];
            winlogbeat(
                random,
                time,
                controller,
                &Logged::security(
                    4720,
                    "User Account Management",
                    "A user account was created.",
                    &data,
                ),
            )
        }
        941..=944 => {
            let admin = random.pick(&tenant.admins).clone();
            let member = format!("CN={},OU=People,DC=corp", user.name);
            let data = [
                ("MemberName", member.as_str()),
                ("MemberSid", &user.sid),
                ("TargetUserName", "VPN Users"),
                ("TargetDomainName", tenant.domain),
                ("TargetSid", "S-1-5-21-1004336348-1177238915-682003330-2203"),
                ("SubjectUserName", &admin),
                ("SubjectDomainName", tenant.domain),
            ];
            winlogbeat(
                random,
                time,
                controller,
                &Logged::security(
                    4728,
                    "Security Group Management",
                    "A member was added to a security-enabled global group.",
                    &data,
                ),
            )
        }
        945..=949 => {
            let data = [
                ("ServiceName", "Google Updater Service 142.0.7444.60"),
                (
                    "ImagePath",
                    "\"C:\\Program Files (x86)\\Google\\GoogleUpdater\\142.0.7444.60\\updater.exe\" --system --windows-service --service=update",
                ),
                ("ServiceType", "user mode service"),
                ("StartType", "auto start"),
                ("AccountName", "LocalSystem"),
            ];
            winlogbeat(random, time, host, &Logged::service(&data))
        }
        _ => {
            let data = [
                ("SubjectUserName", machine.as_str()),
                ("TargetUserSid", &user.sid),
                ("TargetUserName", &user.name),
                ("TargetDomainName", tenant.domain),
                ("TargetLogonId", &logon),
                ("LogonType", "3"),
            ];
            winlogbeat(
                random,
                time,
                host,
                &Logged::security(4634, "Logoff", "An account was logged off.", &data),
            )
        }
    }
}

/// A PowerShell event: 4104 with `script`, or 4103 with what it called.
pub(super) fn powershell_event(
    random: &mut Random,
    time: i64,
    host: &Host,
    sid: &str,
    id: u32,
    script: &str,
) -> String {
    let data = if id == 4104 {
        Object::new()
            .raw("MessageNumber", 1)
            .raw("MessageTotal", 1)
            .str("ScriptBlockText", script)
            .str("ScriptBlockId", &random.uuid())
            .str("Path", "")
            .end()
    } else {
        Object::new()
            .str("ContextInfo", &format!("        Severity = Informational\r\n        Host Name = ConsoleHost\r\n        Host Version = 5.1.22621.4391\r\n        Command Name = {script}\r\n        Command Type = Cmdlet\r\n"))
            .str("UserData", "")
            .str("Payload", &format!("CommandInvocation({script}): \"{script}\"\r\n"))
            .end()
    };
    let at = clock::rfc3339(time);
    let named = |name: &str, value: String| format!("{{\"#attributes\":{{\"{name}\":{value}}}}}");
    Object::new()
        .open("Event")
        .raw("#attributes", "{\"xmlns\":\"http://schemas.microsoft.com/win/2004/08/events/event\"}")
        .open("System")
        .raw("Provider", "{\"#attributes\":{\"Name\":\"Microsoft-Windows-PowerShell\",\"Guid\":\"A0C1853B-5C40-4B15-8766-3CF1C58F985A\"}}")
        .raw("EventID", id)
        .raw("Version", 1)
        .raw("Level", 5)
        .raw("Task", 2)
        .raw("Opcode", 15)
        .str("Keywords", "0x0")
        .raw("TimeCreated", named("SystemTime", format!("\"{at}\"")))
        .raw("EventRecordID", random.between(10_000, 900_000))
        .raw("Execution", format!("{{\"#attributes\":{{\"ProcessID\":{},\"ThreadID\":{}}}}}", random.between(400, 20_000), random.between(400, 20_000)))
        .str("Channel", "Microsoft-Windows-PowerShell/Operational")
        .str("Computer", &host.fqdn)
        .raw("Security", named("UserID", format!("\"{sid}\"")))
        .close()
        .raw("EventData", data)
        .close()
        .end()
}

/// An ordinary PowerShell event.
pub(super) fn powershell(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let host = if random.chance(40) {
        random.pick(&tenant.windows[..tenant.servers])
    } else {
        tenant.workstation(random)
    };
    let sid = &tenant.users[host.owner].sid;
    if random.chance(70) {
        let script = random.word(&WINDOWS.scripts);
        powershell_event(random, time, host, sid, 4104, script)
    } else {
        let cmdlet = *random.pick(&[
            "Get-Service",
            "Get-CimInstance",
            "Out-Default",
            "Select-Object",
            "Import-Module",
            "Get-ChildItem",
        ]);
        powershell_event(random, time, host, sid, 4103, cmdlet)
    }
}
