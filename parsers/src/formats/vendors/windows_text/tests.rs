use super::super::whole::{check, survives_truncation};

const FAILED: &str = "An account failed to log on.\n\nSubject:\n\tSecurity ID:\t\tS-1-5-18\n\tAccount Name:\t\tDC1$\n\tAccount Domain:\t\tCORP\n\nLogon Type:\t\t\t3\n\nAccount For Which Logon Failed:\n\tAccount Name:\t\tmara\n\tAccount Domain:\t\tCORP\n\nFailure Information:\n\tStatus:\t\t\t0xC000006D\n\nProcess Information:\n\tCaller Process ID:\t0x4c0\n\tCaller Process Name:\tC:\\Windows\\System32\\lsass.exe\n\nNetwork Information:\n\tWorkstation Name:\tPC7\n\tSource Network Address:\t192.0.2.7\n\tSource Port:\t\t51022\n";

#[test]
fn sections_say_whose_a_name_is() {
    check(
        FAILED,
        "windows.security",
        &[
            ("event.code", "4625"),
            ("user.name", "mara"),
            ("source.user.name", "DC1$"),
            ("source.ip", "192.0.2.7"),
            ("source.port", "51022"),
            ("source.domain", "PC7"),
            ("winlog.logon.type", "3"),
            ("process.pid", "1216"),
            ("process.executable", "C:\\Windows\\System32\\lsass.exe"),
        ],
    );
    survives_truncation(FAILED);
}

#[test]
fn one_line_says_the_same() {
    let flat = FAILED.replace(['\n', '\t'], " ");
    check(
        &flat,
        "windows.security",
        &[
            ("event.code", "4625"),
            ("user.name", "mara"),
            ("source.user.name", "DC1$"),
            ("source.ip", "192.0.2.7"),
            ("source.port", "51022"),
            ("process.pid", "1216"),
        ],
    );
    survives_truncation(&flat);
}

#[test]
fn a_header_of_pairs() {
    let text = format!(
        "03/12/2026 10:48:14 AM\nLogName=Security\nSourceName=Microsoft Windows security auditing.\nEventCode=4625\nComputerName=dc1.example.org\nRecordNumber=7\nKeywords=Audit Failure\nMessage={FAILED}"
    );
    check(
        &text,
        "windows.security",
        &[
            ("@timestamp", "2026-03-12T10:48:14.000Z"),
            ("host.name", "dc1.example.org"),
            ("event.outcome", "failure"),
            ("winlog.record_id", "7"),
            ("user.name", "mara"),
        ],
    );
    check(
        "03/12/2026 10:48:14 PM\nLogName=Microsoft-Windows-Sysmon/Operational\nEventCode=3\nMessage=Network connection detected:\nImage: C:\\x.exe\nDestinationIp: 203.0.113.9\n",
        "windows.sysmon",
        &[
            ("destination.ip", "203.0.113.9"),
            ("process.executable", "C:\\x.exe"),
        ],
    );
    survives_truncation(&text);
}

#[test]
fn snares_columns() {
    check(
        "MSWinEventLog\t1\tSecurity\t9\tThu Mar 12 10:48:14 2026\t4740\tMicrosoft-Windows-Security-Auditing\tCORP\\mara\tN/A\tSuccess Audit\tdc1\tUser Account Management\tA user account was locked out. Subject: Account Name: DC1$\t4",
        "windows.security",
        &[
            ("event.code", "4740"),
            ("host.name", "dc1"),
            ("winlog.user.name", "mara"),
            ("event.outcome", "success"),
            ("source.user.name", "DC1$"),
            ("@timestamp", "2026-03-12T10:48:14.000Z"),
        ],
    );
}

#[test]
fn a_later_value_replaces_none() {
    let lie = FAILED.replace("mara", "mara\n\tAccount Name:\t\tadmin");
    check(&lie, "windows.security", &[("user.name", "mara")]);
    assert!(super::super::whole::read("Dear all.\nSubject: hello\n").is_empty());
}
