use super::super::super::testing::{check, fields_of, value};
use super::{Extension, Line};

#[test]
fn header_extension_and_labels() {
    check(
        "<14>Mar  1 10:00:00 fw1 CEF:0|Example\\|Co|Gate \\\\ Wall|1.0|100|Connection denied|5|src=192.0.2.4 spt=4242 dst=db.example dvchost=gate7 act=deny proto=6 rt=1772355600250 start=Mar 01 2026 09:00:00 UTC cs1Label=Rule Name cs1=no way cn1=5 cn1Label=Hits cs2=x msg=a \\= b reason=N/A",
        &[
            ("event.dataset", "generic.cef"),
            ("@timestamp", "2026-03-01T09:00:00.250Z"),
            ("event.start", "2026-03-01T09:00:00.000Z"),
            ("host.name", "fw1"),
            ("observer.hostname", "gate7"),
            ("observer.vendor", "Example|Co"),
            ("observer.product", "Gate \\ Wall"),
            ("event.code", "100"),
            ("cef.name", "Connection denied"),
            ("event.severity", "5"),
            ("event.action", "deny"),
            ("source.ip", "192.0.2.4"),
            ("source.port", "4242"),
            ("destination.domain", "db.example"),
            ("destination.ip", ""),
            ("network.transport", "tcp"),
            ("rule.name", "no way"),
            ("cef.cs1", "no way"),
            ("cef.label.Hits", "5"),
            ("message", "a = b"),
            ("event.reason", "a = b"),
        ],
    );
}

#[test]
fn ways_to_announce_it() {
    for line in [
        "CEF:0|V|P|1|2|n|3|src=192.0.2.4",
        "CEF: 0|V|P|1|2|n|3| src=192.0.2.4",
        "Mar  1 10:00:00 h CEF: 0|V|P|1|2|n|3|src=192.0.2.4",
        "<13>Mar  1 10:00:00 h sender_cef -: CEF:0|V|P|1|2|n|3|src=192.0.2.4",
        "ASM:CEF:0|V|P|1|2|n|3|src=192.0.2.4",
        "0|V|P|1|2|n|3|src=192.0.2.4",
        "CEF:0||V|P|1|2|n|3|src=192.0.2.4",
    ] {
        check(
            line,
            &[
                ("observer.vendor", "V"),
                ("cef.name", "n"),
                ("event.severity", "3"),
                ("source.ip", "192.0.2.4"),
                ("event.action", "n"),
            ],
        );
    }
}

#[test]
fn urls_files_and_users() {
    check(
        "CEF:0|V|P|1|2|n|Low|request=https://a.example:8443/p?q\\=1 filePath=C:\\\\Temp\\\\x.exe fileHash=d41d8cd98f00b204e9800998ecf8427e suser=ann@a.example requestMethod=GET act=\"Logon\" dvc=192.0.2.1, 192.0.2.2",
        &[
            ("url.domain", "a.example"),
            ("url.port", "8443"),
            ("url.query", "q=1"),
            ("file.name", "x.exe"),
            ("file.path", "C:\\Temp\\x.exe"),
            ("file.hash.md5", "d41d8cd98f00b204e9800998ecf8427e"),
            ("source.user.email", "ann@a.example"),
            ("event.action", "Logon"),
            ("cef.severity", "Low"),
            ("host.ip", "[\"192.0.2.1\",\"192.0.2.2\"]"),
        ],
    );
}

#[test]
fn products_have_their_own() {
    check(
        "CEF:0|Fortinet|Fortigate|v7|13|traffic:forward accept|3|FTNTFGTlogid=0000000013 FTNTFGTeventtime=1772355600 src=192.0.2.4 FTNTFGTpolicyid=9 act=accept app=HTTPS in=5 out=6",
        &[
            ("event.dataset", "fortinet.fortigate"),
            ("@timestamp", "2026-03-01T09:00:00.000Z"),
            ("event.code", "0000000013"),
            ("rule.id", "9"),
            ("source.bytes", "6"),
        ],
    );
    check(
        "CEF:0|IBM|IBM i|7.4|QSYS-QAUDJRN|T-AF|Medium|suser=ANN sproc=000123/ANN/JOB1 shost=SYS1 msg=no",
        &[
            ("process.pid", "123"),
            ("process.name", "ANN/JOB1"),
            ("event.code", "T-AF"),
            ("host.name", "SYS1"),
            ("user.name", "ANN"),
        ],
    );
}

#[test]
fn what_strangers_write() {
    let event = fields_of("CEF:0|V|P|1|2|n|3|src=192.0.2.4 suser=x\\=1 msg=a src=203.0.113.9");
    assert_eq!(value(&event, "source.ip"), "", "it is in doubt");
    assert_eq!(value(&event, "related.ip"), r#"["192.0.2.4","203.0.113.9"]"#);
    assert!(value(&event, "unmapped").contains("203.0.113.9"));
    // In front of the writer's own, under another name of the key, and the writer's own twice.
    for extension in [
        "msg=a src=203.0.113.9 b=1 src=192.0.2.4 suser=eve suser=ann",
        "msg=a sourceAddress=203.0.113.9 b=1 src=192.0.2.4 sourceUserName=eve suser=ann",
    ] {
        let event = fields_of(&format!("CEF:0|V|P|1|2|n|3|{extension}"));
        for name in ["source.ip", "source.user.name", "user.name"] {
            assert_eq!(value(&event, name), "", "{name} of {extension}");
        }
        assert!(value(&event, "unmapped").contains("ann"), "{extension}");
    }
    let event = fields_of("CEF:0|V|P|1|2|n|3|src=192.0.2.4 msg=a src=192.0.2.4");
    assert_eq!(value(&event, "source.ip"), "192.0.2.4");
    let event = fields_of(
        "Mar  1 10:00:00 web1 sshd[7]: Invalid user CEF:0|V|P|1|2|n|3|src=203.0.113.9 from 192.0.2.1 port 4",
    );
    assert_eq!(value(&event, "source.ip"), "192.0.2.1");
}

#[test]
fn a_time_in_doubt_leaves_no_worse_one() {
    let at = |extension: &str| {
        let line = format!("<13>Mar  1 10:00:00 fw1 CEF:0|V|P|1|2|n|3|{extension}");
        value(&fields_of(&line), "@timestamp")
    };
    let own = "rt=1772355600000";
    assert_eq!(at(&format!("{own} src=192.0.2.4")), "2026-03-01T09:00:00.000Z");
    for forged in [
        "rt=1 xeventtime=946684800000",
        "deviceReceiptTime=1 start=946684800000",
        "rt=1 end=946684800000",
        "rt=1 someTime=946684800000",
    ] {
        for line in [
            format!("msg=a {own} src=192.0.2.4 request=/x {forged}"),
            format!("request=/x {forged} {own} src=192.0.2.4"),
        ] {
            let time = at(&line);
            assert!(time.starts_with("2026-03-01T10:00:00"), "{time} of {line}");
        }
    }
    // A worse one in doubt takes nothing from a better.
    assert_eq!(
        at(&format!("{own} end=1772355600000 request=/x end=946684800000")),
        "2026-03-01T09:00:00.000Z"
    );
}

#[test]
fn keys_of_two_spellings_count_as_one() {
    for (own, forged, column) in [
        ("spt=7", "srcPort=9", "source.port"),
        ("sourcePort=7", "srcPort=9", "source.port"),
        ("dpt=7", "dstPort=9", "destination.port"),
        ("smac=02:00:00:00:00:01", "srcMAC=02:00:00:00:00:02", "source.mac"),
        (
            "dmac=02:00:00:00:00:01",
            "dstMAC=02:00:00:00:00:02",
            "destination.mac",
        ),
        ("in=7", "srcBytes=9", "source.bytes"),
        ("out=7", "dstBytes=9", "destination.bytes"),
        (
            "dhost=a.example",
            "destinationDnsDomain=b.example",
            "destination.domain",
        ),
        ("sproc=a", "deviceProcessName=b", "process.name"),
        (
            "sourceTranslatedAddress=192.0.2.1",
            "srcPostNAT=192.0.2.2",
            "source.nat.ip",
        ),
        ("sourceTranslatedPort=7", "srcPostNATPort=9", "source.nat.port"),
        (
            "destinationTranslatedAddress=192.0.2.1",
            "dstPostNAT=192.0.2.2",
            "destination.nat.ip",
        ),
        (
            "destinationTranslatedPort=7",
            "dstPostNATPort=9",
            "destination.nat.port",
        ),
    ] {
        let of = |extension: &str| {
            let event = fields_of(&format!("CEF:0|V|P|1|2|n|3|{extension}"));
            value(&event, column)
        };
        assert_ne!(of(own), "", "{own}");
        assert_eq!(of(&format!("{own} request=/x {forged}")), "", "{forged}");
        assert_eq!(of(&format!("request=/x {forged} {own}")), "", "{forged}");
    }
}

#[test]
fn cut_off() {
    for line in ["CEF:0|V|P", "CEF:0|V|P|1|2|n", "CEF:0|V|P|1|2|n|3|src"] {
        let event = fields_of(line);
        assert_eq!(value(&event, "event.dataset"), "generic.cef", "{line}");
        assert_eq!(value(&event, "observer.product"), "P", "{line}");
    }
    for line in ["CEF:", "CEF:0", "CEF:0|", "CEF:x|V|P|1", "0|1|2"] {
        let event = fields_of(line);
        assert_ne!(value(&event, "event.dataset"), "generic.cef", "{line}");
    }
}

#[test]
fn industrial_networks() {
    check(
        "CEF:0|Claroty|Claroty|0.0|7|comm_event|5|device_uid=d-1 device_mac_list=['02:00:00:00:00:01', None] device_ip_list=['192.0.2.7', '192.0.2.8'] device_note=None event_timestamp=2026-03-01T10:00:00.5+00:00 event_type=Executable File Transfer event_description=It was seen src_ip=192.0.2.7 dst_ip=198.51.100.9 dst_port=21 protocol=FTP username=ann domain=None",
        &[
            ("event.dataset", "claroty.xdome"),
            ("@timestamp", "2026-03-01T10:00:00.500Z"),
            ("event.code", "Executable File Transfer"),
            ("event.reason", "It was seen"),
            ("message", "It was seen"),
            ("host.id", "d-1"),
            ("source.ip", "192.0.2.7"),
            ("destination.port", "21"),
            ("network.protocol", "FTP"),
            ("user.name", "ann"),
            ("destination.domain", ""),
        ],
    );
    check(
        "CEF:0|Nozomi Networks|N2OS|23.0|SIGN:SCAN\n |Scan|9|\n  dvchost=ids1\n  src=192.0.2.7\n  flexString1=T0846\n  flexString1Label=mitre_attack_techniques\n  msg=A scan\n  src=203.0.113.9",
        &[
            ("event.dataset", "nozomi.n2os"),
            ("event.code", "SIGN:SCAN"),
            ("source.ip", ""),
            ("related.ip", "[\"192.0.2.7\",\"203.0.113.9\"]"),
            ("host.name", "ids1"),
            ("threat.technique.id", "[\"T0846\"]"),
        ],
    );
}

#[test]
fn values_that_products_write_their_own_way() {
    check(
        "CEF:0|SonicWall|NSa 4700|7.0|1460|ATP|5|src=192.0.2.7 susr=\"corp\\\\ann\" msg=\"truncated for filename: a.xlsx.\"",
        &[
            ("user.name", "ann"),
            ("user.domain", "corp"),
            ("file.name", "a.xlsx"),
        ],
    );
    check(
        "CEF:0|Netwrix|SharePoint Online|1.0|Modified|Modified Document|0|filePath=https://acme.example/sites/a b/c.one suser=ann@example.org",
        &[
            ("file.path", "sites/a b/c.one"),
            ("file.name", "c.one"),
            ("url.domain", "acme.example"),
        ],
    );
    check(
        "CEF:0|Trellix|MPS|10.0|MO|malware-object|4|rt=Mar 02 2026 10:00:00 UTC start=Mar 01 2026 10:00:00 UTC request=198.51.100.9/a",
        &[
            ("@timestamp", "2026-03-01T10:00:00.000Z"),
            ("url.domain", "198.51.100.9"),
            ("url.full", "198.51.100.9/a"),
        ],
    );
}

/// What comes of an extension, read at once where that can be, and always in doubt.
#[track_caller]
fn both_ways(extensions: &[String], dataset: &str) {
    use crate::formats::syslog::Header;
    use crate::formats::testing::CONTEXT;
    let (arena, keys, header) = (bumpalo::Bump::new(), Default::default(), Header::default());
    let line = Line {
        raw: "",
        header: &header,
        body: "",
        context: &CONTEXT,
        arena: &arena,
        keys: &keys,
    };
    for extension in extensions {
        let mut ways = [false, true].map(|doubted| {
            let mut event = Extension::new(&line);
            event.read(dataset, extension, doubted);
            event.name_custom_fields();
            event
        });
        assert_eq!(ways[0].labels.count, ways[1].labels.count, "{extension}");
        assert_eq!(ways[0].time, ways[1].time, "{extension}");
        let [once, doubted] = &mut ways;
        assert_eq!(once.fields.all(), doubted.fields.all(), "{extension}");
        assert_eq!(
            once.fields.take_doubts(),
            doubted.fields.take_doubts(),
            "{extension}"
        );
        assert_eq!(
            once.fields.take_asides(),
            doubted.fields.take_asides(),
            "{extension}"
        );
    }
}

#[test]
fn a_key_is_foreseen_only_where_one_can_begin() {
    for (first, second) in [
        ("a=1 rt=2", "a=x=brt=3 src=192.0.2.1"),
        ("a=1 1st=2", "a=1 1st=2 src=192.0.2.1"),
        ("a=1 rt=2", "a=rt=3"),
        ("a=1 rt=2", "a= rt=3"),
    ] {
        both_ways(&[first.to_owned(), second.to_owned()], "generic.cef");
    }
}

proptest::proptest! {
    #[test]
    fn extensions_read_at_once_say_the_same(
        extensions in proptest::collection::vec(
            r#"( |  |x=)?((src|sourceAddress|dst|rt|start|end|cs1|cs1Label|deviceCustomDate1|1st|msg|message|request|filePath|fileHash|proto|suser|sproc|reason|a_key_that_is_longer_than_all_that_is_looked_at|k\[0\]|rule_name|duser|some_list)=(192\.0\.2\.1|1772359200000|one word|a=b|x\\=y|"q"|'q'|C:\\\\x\\n|https://a\.example/p|TCP/HTTP|ann@a\.example|\['a', None\]|a;b|-|é| |)(\n| |  |\r\n|)){0,9}[a= ]{0,3}"#,
            1..6,
        ),
        dataset in 0..4_usize,
    ) {
        let dataset = ["generic.cef", "claroty.xdome", "cisco.esa_cef", "checkpoint.firewall"][dataset];
        both_ways(&extensions, dataset);
    }
}
