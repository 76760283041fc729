use crate::formats::vendors::cisco::testing::{lacks, read, reads};

use super::*;

#[test]
fn rows_are_sorted() {
    for rows in [session::ROWS, service::ROWS] {
        assert!(rows.is_sorted_by_key(|row| row.0));
    }
}

#[test]
fn connections() {
    read(
        "<166>Mar 01 2026 10:00:05 fw1 : %ASA-6-302013: Built outbound TCP connection 77 for outside:198.51.100.9/443 \
         (198.51.100.9/443) to inside:192.0.2.7/50001 (203.0.113.5/61001)(LOCAL\\corp\\mara) (mara)",
        "cisco.asa",
        &[
            ("@timestamp", "2026-03-01T10:00:05.000000Z"),
            ("observer.hostname", "fw1"),
            ("event.code", "302013"),
            ("event.severity", "6"),
            ("event.action", "connection-built"),
            ("network.direction", "outbound"),
            ("network.transport", "tcp"),
            ("network.iana_number", "6"),
            ("connection_id", "77"),
            ("source.ip", "192.0.2.7"),
            ("source.port", "50001"),
            ("source.nat.ip", "203.0.113.5"),
            ("source.nat.port", "61001"),
            ("source_interface", "inside"),
            ("source_username", "LOCAL\\corp\\mara"),
            ("source.user.name", "mara"),
            ("source.user.domain", "corp"),
            ("destination.ip", "198.51.100.9"),
            ("destination.port", "443"),
            ("mapped_destination_ip", "198.51.100.9"),
            ("observer.egress.interface.name", "outside"),
            ("termination_user", "mara"),
        ],
    );
    read(
        "Mar  1 2026 10:00:05: %ASA-6-302014: Teardown TCP connection 77 for outside:198.51.100.9/443 to \
         NP Identity Ifc:192.0.2.7/50001 duration 0:01:05 bytes 1234 TCP Reset-O from inside (mara)",
        "cisco.asa",
        &[
            ("event.duration", "65000000000"),
            ("event.start", "2026-03-01T09:59:00.000000Z"),
            ("event.end", "2026-03-01T10:00:05.000000Z"),
            ("event.reason", "TCP Reset-O"),
            ("teardown_initiator", "inside"),
            ("network.bytes", "1234"),
            ("destination_interface", "NP Identity Ifc"),
        ],
    );
    read(
        "%FTD-6-302020: Built inbound ICMP connection for faddr 198.51.100.9/7(LOCAL\\mara) gaddr 203.0.113.5/0 laddr \
         192.0.2.7/0 type 8 code 0",
        "cisco.ftd",
        &[
            ("source.ip", "198.51.100.9"),
            ("destination.ip", "192.0.2.7"),
            ("destination.nat.ip", "203.0.113.5"),
            ("icmp_type", "8"),
            ("icmp_code", "0"),
        ],
    );
}

#[test]
fn access_lists() {
    read(
        "%ASA-4-106023: Deny tcp src outside:2001:db8::7/80 dst inside:192.0.2.7/8080(LOCAL\\mara) by access-group \
         \"out in\" [0x0, 0x0]",
        "cisco.asa",
        &[
            ("source.ip", "2001:db8::7"),
            ("destination.port", "8080"),
            ("rule_name", "out in"),
            ("outcome", "Deny"),
            ("event.outcome", "failure"),
        ],
    );
    read(
        "%ASA-session-6-106100: access-list a_in denied udp in/192.0.2.7(53) -> out/ns1.example.org(53) hit-cnt 3 \
         300-second interval [0x1, 0x0]",
        "cisco.asa",
        &[
            ("suffix", "session"),
            ("rule_name", "a_in"),
            ("source.port", "53"),
            ("destination.domain", "ns1.example.org"),
            ("hit_count", "3"),
        ],
    );
}

#[test]
fn users_and_sessions() {
    read(
        "%ASA-4-113019: Group = staff, Username = mara, IP = 192.0.2.7, Session disconnected. Session Type: SSL, \
         Duration: 1h:00m:02s, Bytes xmt: 10, Bytes rcv: 20, Reason: Idle Timeout",
        "cisco.asa",
        &[
            ("user.name", "mara"),
            ("user.group.name", "staff"),
            ("source.ip", "192.0.2.7"),
            ("event.duration", "3602000000000"),
            ("source.bytes", "10"),
            ("destination.bytes", "20"),
            ("event.reason", "Idle Timeout"),
        ],
    );
    read(
        "%ASA-6-722022: Group <staff> User <mara@corp.example> IP <192.0.2.7> TCP SVC connection established without \
         compression",
        "cisco.asa",
        &[
            ("user.name", "mara"),
            ("user.domain", "corp.example"),
            ("network.transport", "tcp"),
        ],
    );
    read(
        "%ASA-5-750002: Local:192.0.2.1:500 Remote:2001:db8::7:4500 Username:Unknown IKEv2 Received a IKE_INIT_SA request",
        "cisco.asa",
        &[
            ("source.port", "500"),
            ("destination.ip", "2001:db8::7"),
            ("destination.port", "4500"),
            ("event.reason", "Received a IKE_INIT_SA request"),
        ],
    );
    read(
        "%ASA-6-605005: Login permitted from 192.0.2.7/50001 to inside:192.0.2.1/ssh for user \"mara\"",
        "cisco.asa",
        &[
            ("user.name", "mara"),
            ("network.protocol", "ssh"),
            ("event.outcome", "success"),
        ],
    );
}

#[test]
fn unknown_messages_keep_their_frame() {
    read(
        "Mar  1 2026 10:00:05 fw1 : %ASA-3-799999: Something new happened to 192.0.2.7",
        "cisco.asa",
        &[
            ("event.code", "799999"),
            ("event.severity", "3"),
            ("observer.hostname", "fw1"),
        ],
    );
    // A known sentence under a number that is not.
    read(
        "%ASA-3-799998: TCP access denied by ACL from 192.0.2.7/50001 to inside:192.0.2.1/22",
        "cisco.asa",
        &[("event.code", "799998"), ("destination.port", "22")],
    );
    // Cut off.
    for cut in [
        "%ASA-6-302013: Built outbound TCP conn",
        "%ASA-6-302013: ",
        "%ASA-6-302013",
    ] {
        read(cut, "cisco.asa", &[("event.code", "302013")]);
    }
}

#[test]
fn sentences_without_their_frame() {
    read(
        "Teardown dynamic UDP translation from inside:192.0.2.7/53 to outside:203.0.113.5/1053 duration 0:00:30",
        "cisco.asa",
        &[("source.ip", "192.0.2.7"), ("event.code", "305012")],
    );
    read(
        "302021: Teardown ICMP connection for faddr 198.51.100.9/7 gaddr 203.0.113.5/0 laddr 192.0.2.7/0",
        "cisco.asa",
        &[("event.code", "302021"), ("source.ip", "192.0.2.7")],
    );
    read(
        "ASA-2-106001: Inbound TCP connection denied from 192.0.2.7/1 to 192.0.2.8/2 flags SYN on interface in",
        "cisco.asa",
        &[("tcp_flags", "SYN"), ("network.direction", "inbound")],
    );
    for other in [
        "Deny everything",
        "Group = 5, x = 6",
        "Built in 5 seconds",
        "Mar  1 10:00:05 web1 app[7]: Teardown dynamic UDP translation from a:192.0.2.7/5 to b:192.0.2.8/1 duration 0:00:30",
    ] {
        assert!(!reads(other), "{other}");
    }
}

#[test]
fn what_users_choose_stays_theirs() {
    read(
        "%ASA-6-113005: AAA user authentication Rejected : reason = AAA failure : server = 192.0.2.5 : user = x : user IP \
         = 203.0.113.66 : user IP = 192.0.2.7",
        "cisco.asa",
        &[("source.ip", "192.0.2.7"), ("destination.ip", "192.0.2.5")],
    );
    read(
        "%ASA-5-304002: Access denied URL http://h/ SRC 203.0.113.66 DEST 203.0.113.67 SRC 192.0.2.7 DEST 192.0.2.8 on \
         interface in",
        "cisco.asa",
        &[("source.ip", "192.0.2.7"), ("destination.ip", "192.0.2.8")],
    );
    read(
        "%ASA-6-722051: Group <staff> User <x> IP <203.0.113.66> y> IP <192.0.2.7> IPv4 Address <192.0.2.99> IPv6 address \
         <::> assigned to session",
        "cisco.asa",
        &[("source.ip", "192.0.2.7"), ("assigned_ip", "192.0.2.99")],
    );
    lacks(
        "Mar  1 10:00:05 web1 sshd[7]: Invalid user %ASA-6-605005: Login permitted from 203.0.113.66/1 to in:h/ssh for \
         user \"root\" from 192.0.2.7",
        &["source.ip"],
    );
}
