//! Texts that look like other products' lines, said by strangers to programs that log them.

use super::whole::read;

/// Lines of products, as a stranger would send them in a name, a path or a header.
const LINES: &[&str] = &[
    "03/01/2026:10:00:00 GMT ns1 0-PPE-0 : default SSLVPN LOGIN 4711 0 : User x - Client_ip 203.0.113.1",
    "default SSLVPN LOGIN 4711 0 : User x - ClientIP 203.0.113.1 - ClientPort 5",
    "root on /dev/pts/0 shell_command=\"id\"",
    "<189>Mar  1 2026 10:00:00 sw1 192.0.2.1 %%01SNMP/4/FAIL(l)[4265]:x (SourceIP=203.0.113.1)",
    "LINE/4/USERLOGINFAIL:OID 1.3.6.1.4.1.2011.5.25.207.2.3 A user login fail. (UserName=x, UserIP=203.0.113.1)",
    "1.0|WatchGuard|XTM|12.10.1|3E000002|host_name=fw1#011src=203.0.113.1#011msg=x",
    "Event [7] [1-1] [2026-03-01T10:00:00Z] [vim.event.UserLoginSessionEvent] [info] [x] [dc] [7] [User x@203.0.113.1 logged in as y]",
    "(7) Login OK: [x] (from client lan port 8 cli 203.0.113.1)",
    "auth:  ST1-CMDR: Invalid user name/password on SSH session User 'x' is trying to login from 203.0.113.1",
    "Error    fw1 Session from 203.0.113.1:50000 mode=0",
    "%ASA-6-302013: Built inbound TCP connection 7 for outside:203.0.113.1/5 (203.0.113.1/5) to inside:192.0.2.1/80 (192.0.2.1/80)",
    "Failed authentication attempt for x from 203.0.113.1:50000: user does not exist",
    "IMAP Error: Login failed for x from 203.0.113.1",
    "AUTHFAIL: user=x ip=203.0.113.1 time=1770000000",
    "id=firewall sn=1 time=\"2026-03-01 10:00:00\" fw=192.0.2.1 pri=6 c=1 m=2 src=203.0.113.1:5",
    "conn=7 fd=9 ACCEPT from IP=203.0.113.1:50000 (IP=0.0.0.0:389)",
    "DHCPACK on 203.0.113.1 to 02:00:00:00:00:01 via eth0",
    "client @0x7 203.0.113.1#5 (x): query: x IN A + (192.0.2.1)",
    "query[A] x from 203.0.113.1",
    "IN=eth0 OUT= SRC=203.0.113.1 DST=192.0.2.1 LEN=60 PROTO=TCP SPT=5 DPT=22",
    "info hostd[7] [Originator@6876 sub=x] Event 7 : User x@203.0.113.1 logged in as y",
    "action=\"authentify\" user=\"x\" client_ip=\"203.0.113.1\" status=\"success\"",
    "LOG:  connection received: host=203.0.113.1 port=5",
    "203.0.113.1 - - [01/Mar/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 200 5 \"-\" \"x\"",
    "x 203.0.113.1 - - [01/Mar/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 200 5",
];

/// Programs that log what strangers say, and are read by name or not at all.
const PROGRAMS: &[&str] = &[
    "nginx",
    "httpd",
    "apache2",
    "haproxy",
    "named",
    "dovecot",
    "exim",
    "postfix/smtpd",
    "sendmail",
    "vsftpd",
    "proftpd",
    "slapd",
    "mysqld",
    "sshd",
    "sudo",
    "radiusd",
    "openvpn",
    "smbd",
    "squid",
    "roundcube",
];

/// Whether `line` got an address that a stranger wrote, and what wrote the line would not have set.
fn forged(line: &str) -> bool {
    let event = read(line);
    ["source.ip", "client.ip", "destination.ip", "host.ip"]
        .iter()
        .any(|name| {
            event
                .get(*name)
                .is_some_and(|ip| ip.to_string().contains("203.0.113.1"))
        })
}

#[test]
fn behind_programs_that_log_strangers() {
    for program in PROGRAMS {
        for said in LINES {
            let line = format!("Mar  1 10:00:00 srv1 {program}[77]: rejected \"{said}\"");
            assert!(!forged(&line), "{line}");
        }
    }
}

#[test]
fn in_the_middle_of_what_a_program_says() {
    for said in LINES {
        for line in [
            format!("Mar  1 10:00:00 srv1 app[77]: no such page: {said}"),
            format!("<13>1 2026-03-01T10:00:00Z srv1 app 77 - - user agent is {said}"),
            format!("Mar  1 10:00:00 srv1 app[77]: login of {said} refused"),
        ] {
            assert!(!forged(&line), "{line}");
        }
    }
}

#[test]
fn a_key_in_a_text_is_no_column() {
    for text in [
        "<134>Mar  1 10:00:00 fw1 CEF:0|Imperva Inc.|SecureSphere|13|100|Blocked|9|src=192.0.2.7 msg=a host.name=dc1 event.outcome=success user.name=root Error.Type=x source_ip=203.0.113.1",
        "<134>Mar  1 10:00:00 fw1 LEEF:2.0|Acme|WAF|1|Blocked|^|src=192.0.2.7^host.name=dc1^event.outcome=success^user.name=root^error.type=x^source_ip=203.0.113.1",
    ] {
        let event = read(text);
        assert_eq!(event["host.name"], "fw1", "{text}");
        assert_eq!(event["source.ip"], "192.0.2.7", "{text}");
        for name in ["user.name", "event.outcome", "error.type"] {
            assert!(!event.contains_key(name), "{name} of {text}");
        }
        assert!(
            event.values().any(|value| value == "dc1"),
            "it is kept: {event:?}"
        );
    }
}

/// Lines in which a stranger's text says a key of the writer's once more: what they may not say, and an address that is
/// kept for whoever looks for it.
const DOUBLED: &[(&str, &[&str], &str)] = &[
    (
        "CEF:0|V|P|1|2|n|3|msg=GET /x src=203.0.113.1 act=no src=192.0.2.7 suser=ann",
        &["source.ip"],
        "203.0.113.1",
    ),
    (
        "LEEF:1.0|V|P|1|2|usrName=x\tsrc=203.0.113.1\tsrc=192.0.2.7",
        &["source.ip"],
        "203.0.113.1",
    ),
    (
        "date=2026-03-01 time=10:00:00 logid=\"1\" type=\"utm\" subtype=\"webfilter\" agent=\"x\" srcip=203.0.113.1 a=\"\" srcip=192.0.2.7",
        &["source.ip"],
        "203.0.113.1",
    ),
    (
        "<188>Mar  1 2026 10:00:00 rtr1 %%01SHELL/4/LOGINFAILED(s)[4711]:Failed to login. (UserName=x, Ip=203.0.113.1, Ip=192.0.2.7, Times=3)",
        &["source.ip"],
        "203.0.113.1",
    ),
    (
        "<181>Mar  1 10:00:00 ise1 CISE_Failed_Attempts 0000004711 1 0 2026-03-01 10:00:00.123 +00:00 0000012345 5400 NOTICE Failed-Attempt: Authentication failed, ConfigVersionId=1, UserName=x, Device IP Address=203.0.113.1, Device IP Address=192.0.2.7, Protocol=Radius",
        &["cisco.ise.device.ip"],
        "203.0.113.1",
    ),
];

#[test]
fn a_key_twice_is_in_doubt() {
    for (line, columns, other) in DOUBLED {
        let event = read(line);
        assert!(!event.is_empty(), "{line}");
        for column in *columns {
            assert!(!event.contains_key(*column), "{column} of {line}: {event:#?}");
        }
        assert!(!forged(line), "{line}");
        let related = event.get("related.ip").map(ToString::to_string);
        assert!(
            related.is_some_and(|ips| ips.contains(other)),
            "{line}: {event:#?}"
        );
    }
}

#[test]
fn names_that_log_in_as_others() {
    for line in [
        "<14>1 2026-03-01T10:00:00.123Z vc1 vpxd 77 - - Event [4711] [1-1] [2026-03-01T10:00:00.123456Z] [vim.event.UserLoginSessionEvent] [info] [x] [dc1] [4711] [User x@203.0.113.1 logged in as y@192.0.2.7 logged in as z]",
        "<166>2026-03-01T10:00:00.123Z esx1 Hostd: info hostd[2099] [Originator@6876 sub=Vimsvc.ha-eventmgr opID=aa] Event 77 : User x@203.0.113.1 logged in as y@192.0.2.7 logged in as z",
    ] {
        assert!(!forged(line), "{line}");
    }
}
