//! Lines of appliances, through all grammars and the catalog.

use crate::formats::vendors::whole::{check, read, survives_truncation};

#[test]
fn devices_that_name_themselves() {
    check(
        "<30>Mar  1 10:00:00 US8P60,f09fc26f4419,v4.0.54.10625 switch: TRAPMGR: Link Down: 0/3",
        "ubiquiti.unifi",
        &[
            ("host.name", "US8P60"),
            ("observer.mac", "f09fc26f4419"),
            ("observer.version", "v4.0.54.10625"),
            ("process.name", "switch"),
            ("message", "TRAPMGR: Link Down: 0/3"),
        ],
    );
    check(
        "<27>[Device: dp1 192.0.2.9] M_20000: 2 attacks started. Detected by policies: a; Attack name: DNS-x; Source IP: 203.0.113.1; Destination IPs: 198.51.100.1, 198.51.100.2; Destination port: 53; Action: drop.",
        "radware.defensepro",
        &[
            ("host.name", "dp1"),
            ("observer.ip", "192.0.2.9"),
            ("event.code", "20000"),
            ("source.ip", "203.0.113.1"),
            ("destination.ip", "198.51.100.1"),
            ("destination.port", "53"),
            ("event.action", "drop"),
        ],
    );
    check(
        "<27>M_00796:  User jane Session with client radware was terminated due to Inactivity.",
        "radware.defensepro",
        &[("event.code", "00796")],
    );
    check(
        "<5>Mar  1 10:00:00 [node1:wafl.scan.done:info]: Completed a scan on volume v0",
        "netapp.ontap",
        &[
            ("host.name", "node1"),
            ("event.action", "wafl.scan.done"),
            ("log.level", "info"),
            ("message", "Completed a scan on volume v0"),
        ],
    );
    check(
        "<27>[Login Failed]: Authentication failed for user 'x' from host 'y' from host '192.0.2.7'",
        "raritan.kvm",
        &[("source.ip", "192.0.2.7"), ("event.outcome", "failure")],
    );
    check(
        "<166>Mar  1 10:00:00 idrac1 Severity: Informational, Category: Audit, MessageID: USR0030, Message: Successfully logged in using root, from 192.0.2.7 and REDFISH.",
        "dell.idrac",
        &[
            ("event.code", "USR0030"),
            ("source.ip", "192.0.2.7"),
            ("user.name", "root"),
            ("host.name", "idrac1"),
        ],
    );
}

#[test]
fn alerts_and_flows() {
    check(
        "<132>Mar  1 10:00:00 ossec1 ossec: Alert Level: 5; Rule: 5503 - User login failed.; Location: (web1) 192.0.2.4->/var/log/auth.log; srcip: 198.51.100.9; user: jane; Mar  1 09:59:59 web1 sshd[7]: srcip: 203.0.113.1; user: root; x",
        "ossec.alert",
        &[
            ("host.name", "web1"),
            ("rule.id", "5503"),
            ("source.ip", "198.51.100.9"),
            ("user.name", "jane"),
            ("event.severity", "5"),
        ],
    );
    let line = "<144>Mar  1 10:00:00 esx1 dfwpktlogs: 4711 INET match DROP domain-c7/1001 IN 60 TCP 192.0.2.4/45926->198.51.100.9/8140 S";
    check(
        line,
        "vmware.nsx_firewall",
        &[
            ("source.ip", "192.0.2.4"),
            ("source.port", "45926"),
            ("destination.port", "8140"),
            ("event.action", "DROP"),
            ("rule.id", "1001"),
            ("network.transport", "tcp"),
            ("network.direction", "inbound"),
        ],
    );
    survives_truncation(line);
    check(
        "<14>Mar  1 10:00:00 ive1 PulseSecure: ive | 2026-03-01 10:00:00 | AUT24326 | info | 192.0.2.1 |  | 198.51.100.9 | jane",
        "ivanti.connect_secure",
        &[
            ("source.ip", "198.51.100.9"),
            ("user.name", "jane"),
            ("event.code", "AUT24326"),
        ],
    );
    check(
        "<134>Mar  1 10:00:00 smg1 conduit: [Brightmail] (NOTICE:7500.3119331456): [12066] Rules were updated.",
        "symantec.messaging_gateway",
        &[
            ("event.code", "12066"),
            ("log.level", "NOTICE"),
            ("message", "Rules were updated."),
        ],
    );
    check(
        "<134>Mar  1 10:00:00 sp1 pfsp: Host Detection alert #7, start 2026-03-01 10:00:00 GMT, duration 60, direction incoming, host 192.0.2.7, signatures (a, host 203.0.113.1), importance high",
        "netscout.arbor",
        &[
            ("netscout.arbor.alert_id", "7"),
            ("destination.ip", "192.0.2.7"),
            ("network.direction", "incoming"),
        ],
    );
}

#[test]
fn what_strangers_write() {
    for line in [
        "Mar  1 10:00:00 web1 sshd[7]: Invalid user [Device: x 203.0.113.9] M_1: Source IP: 203.0.113.9 from 192.0.2.1 port 4",
        "Mar  1 10:00:00 web1 app: say dfwpktlogs: 1 INET match PASS a/1 IN 60 TCP 203.0.113.9/1->192.0.2.1/2",
        "Mar  1 10:00:00 web1 app: [a:b:info]: x [Login]: Authentication for user 'x' from host '203.0.113.9'",
    ] {
        let event = read(line);
        assert_ne!(
            event.get("source.ip").and_then(|ip| ip.as_str()),
            Some("203.0.113.9"),
            "{event:#?}"
        );
    }
}

#[test]
fn proxies() {
    let line = r#"<134> 2026-03-01T10:00:00Z proxy1 bluecoat[0]: SPLV5.1 c-ip=192.0.2.6 cs-bytes=6269 cs-categories="x" cs-host=www.example.org cs-method=GET cs-uri-path=/a cs-uri-port=80 cs-uri-scheme=http cs-User-Agent="x c-ip=203.0.113.9" cs-username=jane s-action=TCP_HIT sc-bytes=10 sc-status=200"#;
    check(
        line,
        "broadcom.proxysg",
        &[
            ("source.ip", "192.0.2.6"),
            ("host.name", "proxy1"),
            ("user.name", "jane"),
            ("url.domain", "www.example.org"),
            ("url.original", "http://www.example.org/a"),
            ("http.response.status_code", "200"),
            ("event.action", "TCP_HIT"),
        ],
    );
    survives_truncation(line);
    check(
        "<134>Mar  1 10:00:00 wse1 vendor=Websense product=Security product_version=7.7.0 action=permitted severity=7 category=755 user=LDAP://192.0.2.1 src_host=192.0.2.7 src_port=5000 dst_host=www.example.org dst_ip=198.51.100.9 dst_port=80 bytes_out=10 bytes_in=20 http_response=200 http_method=GET url=http://www.example.org/a",
        "forcepoint.web",
        &[
            ("source.ip", "192.0.2.7"),
            ("destination.ip", "198.51.100.9"),
            ("event.action", "permitted"),
            ("url.path", "/a"),
        ],
    );
    check(
        r#"<134>Mar  1 10:00:00 swa1 h=192.0.2.13 u="CORP\\jane" s=200 X=- t=1772355600 T=284453 Ts=0 act=1 cat="0x22" app="-" rsn=- threat="-" type="text/html" ctype="text/html" sav-ev=1 url="http://www.example.org/" request="GET""#,
        "sophos.web_appliance",
        &[
            ("source.ip", "192.0.2.13"),
            ("user.name", "jane"),
            ("user.domain", "CORP"),
            ("url.domain", "www.example.org"),
        ],
    );
    check(
        "2026-03-01 10:00:00\treason=Allowed\tevent_id=7\tprotocol=HTTPS\taction=Allowed\tuser=jane@example.org\turl=www.example.org/a\tclientip=192.0.2.7\tserverip=198.51.100.9\tstatus=200",
        "zscaler.nss",
        &[
            ("@timestamp", "2026-03-01T10:00:00.000Z"),
            ("source.ip", "192.0.2.7"),
            ("destination.ip", "198.51.100.9"),
            ("user.name", "jane"),
            ("event.action", "Allowed"),
        ],
    );
}

#[test]
fn endpoints_and_identities() {
    check(
        r#"<134>1 2026-03-01T10:00:00Z cb1 - - - - Carbon Black App Control event:  text="File 'c:\a.exe' was seen" type="Discovery" subtype="New file" hostname="CORP\PC7" username="CORP\jane" date="3/1/2026 9:59:59 AM" ip_address="192.0.2.7" file_path="c:\a.exe""#,
        "carbonblack.app_control",
        &[
            ("user.name", "jane"),
            ("host.ip", "192.0.2.7"),
            ("event.action", "New file"),
            ("@timestamp", "2026-03-01T09:59:59.000Z"),
        ],
    );
    check(
        "<134>Mar  1 10:00:00 dlp1 SymantecDLPAlert: Application_Name=”N/A” Policy=”PCI ”x” data” Sender=”jane@example.org” Attach_File_Name=”[UNKNOWN VARIABLE:ATTACHMENT]” ",
        "symantec.dlp",
        &[
            ("rule.name", "PCI ”x” data"),
            ("email.from.address", "jane@example.org"),
        ],
    );
    check(
        "<110>Mar  1 10:00:00 dsp1 Semperis.DSP [AdChanges@51802] [ForestId] 7 [ChangeId] 9 [DistinguishedName] CN=x,DC=corp",
        "semperis.dsp",
        &[("event.action", "AdChanges")],
    );
    check(
        "<165>Mar  1 10:00:00 c1 CylancePROTECT: Event Type: Threat, Event Name: threat_found, Device Name: pc7, IP Address: (192.0.2.7), File Name: a.exe, Path: c:\\x, SHA256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824, Device Name: evil",
        "cylance.protect",
        &[
            ("host.name", "pc7"),
            ("event.action", "threat_found"),
            ("host.ip", "192.0.2.7"),
        ],
    );
}

#[test]
fn networks() {
    check(
        r#"<166>Mar  1 10:00:00 exp1 tvcs: tvcs: UTCTime="2026-03-01 09:59:58,980" Module="network.sip" Level="INFO":  Action="Received" Local-ip="192.0.2.1" Src-ip="198.51.100.9" Src-port="5060" Detail="x Src-ip=203.0.113.1""#,
        "cisco.expressway",
        &[
            ("@timestamp", "2026-03-01T09:59:58.980Z"),
            ("source.ip", "198.51.100.9"),
            ("source.port", "5060"),
            ("event.action", "Received"),
        ],
    );
    check(
        r#"<133>Mar  1 10:00:00 fw1: NetScreen device_id=ns5  [Root]system-notification-00257(traffic): start_time="2026-03-01 09:59:58" duration=0 policy_id=7 service=dns proto=17 src zone=Trust dst zone=Untrust action=Permit sent=10 rcvd=20 src=192.0.2.7 dst=198.51.100.9 src_port=5000 dst_port=53"#,
        "juniper.netscreen",
        &[
            ("source.ip", "192.0.2.7"),
            ("destination.port", "53"),
            ("network.transport", "udp"),
            ("observer.egress.zone", "Untrust"),
            ("event.code", "00257"),
        ],
    );
    check(
        "<111> Mar  1 10:00:00 fmc1 SFIMS: Protocol: TCP, SrcIP: 192.0.2.7, DstIP: 198.51.100.9, SrcPort: 47097, DstPort: 443, AccessControlRuleAction: Block with reset",
        "cisco.ftd",
        &[
            ("source.ip", "192.0.2.7"),
            ("destination.port", "443"),
            ("event.action", "Block with reset"),
        ],
    );
}
