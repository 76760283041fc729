use crate::formats::testing::{check, events_of, value};

/// Names and values that each event of a table must have.
#[track_caller]
fn rows(table: &str, wanted: &[&[(&str, &str)]]) {
    let events = events_of(table);
    assert_eq!(events.len(), wanted.len(), "{events:?}");
    for (event, wanted) in events.iter().zip(wanted) {
        for (name, text) in *wanted {
            assert_eq!(value(event, name), *text, "{name} of {event:?}");
        }
    }
}

#[test]
fn a_table_of_nobody() {
    let table = "\u{feff}Time,Source IP,user,what,n\r\n\
        2026-03-01 10:00:00,192.0.2.1,ann,\"denied, \"\"twice\"\"\",7\r\n\
        2026-03-01 10:00:01,-,,\"two\nlines\",8\r\n\
        Time,Source IP,user,what,n\r\n\
        2026-03-01 10:00:02,192.0.2.3,bob,5\" disk,9\r\n";
    rows(
        table,
        &[
            &[
                ("event.dataset", "generic.csv"),
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.1"),
                ("user.name", "ann"),
                ("what", "denied, \"twice\""),
                ("n", "7"),
                ("error.type", ""),
            ],
            &[("source.ip", ""), ("user.name", ""), ("what", "two\nlines")],
            &[("what", "5\" disk"), ("n", "9")],
        ],
    );
}

#[test]
fn separators_and_spaces() {
    for table in [
        "when;src_ip;verdict\n2026-03-01T10:00:00Z;192.0.2.1;ok\n",
        "when\tsrc_ip\tverdict\n2026-03-01T10:00:00Z\t192.0.2.1\tok\n",
        "when|src_ip|verdict\n2026-03-01T10:00:00Z|192.0.2.1|ok",
        "when, src_ip, verdict\n2026-03-01T10:00:00Z, \"192.0.2.1\", ok\n",
        "\"when\",\"src_ip\",\"verdict\",\n\"2026-03-01T10:00:00Z\",\"192.0.2.1\",\"ok\",\n",
    ] {
        rows(
            table,
            &[&[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.1"),
                ("verdict", "ok"),
                ("error.type", ""),
            ]],
        );
    }
}

#[test]
fn odd_rows_are_events() {
    let table = "time,a,b,c\n2026-03-01 10:00:00,1,2,3\n2026-03-01 10:00:01,1\n2026-03-01 10:00:02,\"1\n\
        2026-03-01 10:00:03,1,2,3,4\nend of table\n";
    rows(
        table,
        &[
            &[("c", "3"), ("error.type", "")],
            &[
                ("@timestamp", "2026-03-01T10:00:01.000Z"),
                ("a", "1"),
                ("b", ""),
                ("error.type", "short_row"),
                ("message", "2026-03-01 10:00:01,1"),
            ],
            // A quote may have swallowed separators.
            &[
                ("@timestamp", "2026-03-01T10:00:02.000Z"),
                ("a", ""),
                ("error.type", "short_row"),
            ],
            // Which of the cells has the one too many, nobody knows.
            &[
                ("@timestamp", "2026-03-01T10:00:03.000Z"),
                ("a", ""),
                ("c", ""),
                ("error.type", "long_row"),
                ("message", "2026-03-01 10:00:03,1,2,3,4"),
            ],
            &[("message", "end of table"), ("error.type", "short_row")],
        ],
    );
}

#[test]
fn iis_in_any_order() {
    let log = "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2026-03-01 00:00:00\n\
        #Fields: date time s-sitename cs-method cs-uri-stem cs-uri-query s-port c-ip cs(User-Agent) sc-status time-taken\n\
        2026-03-01 10:00:00 W3SVC1 GET /a.asp \"q=1 80 192.0.2.4 curl/8\" 404 15\n\
        #Fields: date time c-ip cs-username cs-method cs-uri-stem sc-status sc-bytes\n\
        2026-03-01 10:00:01 192.0.2.5 CORP\\ann POST /b 200 512\n\
        2026-03-01 10:00:02 192.0.2.5 - POST\n";
    rows(
        log,
        &[
            &[
                ("event.dataset", "microsoft.iis"),
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.4"),
                ("url.query", "\"q=1"),
                ("user_agent.original", "curl/8\""),
                ("http.response.status_code", "404"),
            ],
            &[
                ("event.dataset", "microsoft.iis"),
                ("source.ip", "192.0.2.5"),
                ("user.name", "CORP\\ann"),
                ("http.response.bytes", "512"),
            ],
            // A row that is cut off is a line like any other.
            &[
                ("event.dataset", "generic.lines"),
                ("@timestamp", "2026-03-01T10:00:02.000Z"),
            ],
        ],
    );
}

#[test]
fn logs_of_proxies() {
    let log = "#Software: SGOS 6.7.5\n#Version: 1.0\n\
        #Fields: date time time-taken c-ip cs-username sc-filter-result cs-categories sc-status s-action cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path cs(User-Agent) s-ip sc-bytes cs-bytes\n\
        2026-03-01 10:00:00 12 192.0.2.4 ann OBSERVED \"News/Media;Web\" 200 TCP_HIT GET http a.example 80 /x \"Mozilla/5.0 (X11; Linux)\" 198.51.100.1 700 300\n";
    rows(
        log,
        &[&[
            ("event.dataset", "network.proxy"),
            ("@timestamp", "2026-03-01T10:00:00.000Z"),
            ("source.ip", "192.0.2.4"),
            ("user_agent.original", "Mozilla/5.0 (X11; Linux)"),
            ("url.domain", "a.example"),
            ("http.response.status_code", "200"),
        ]],
    );
}

#[test]
fn logs_of_exchange() {
    let log = "#Software: Microsoft Exchange Server\n#Version: 15.0.0.0\n#Log-type: Message Tracking Log\n#Date: 2026-03-01T10:00:00.000Z\n\
        #Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id,recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,return-path\n\
        2026-03-01T10:00:00.250Z,192.0.2.4,mail.b.example,10.0.0.1,EX1,ctx,EX1\\In,SMTP,RECEIVE,17,<a@b.example>,ann@a.example;bob@a.example,,4096,2,,,\"Hello, \"\"you\"\"\",eve@b.example,eve@b.example\n";
    rows(
        log,
        &[&[
            ("event.dataset", "microsoft.exchange_tracking"),
            ("@timestamp", "2026-03-01T10:00:00.250Z"),
            ("source.ip", "192.0.2.4"),
            ("host.name", "EX1"),
            ("email.subject", "Hello, \"you\""),
            ("email.from.address", "[\"eve@b.example\"]"),
            ("event.action", "RECEIVE"),
        ]],
    );
}

#[test]
fn flow_logs_of_a_vpc() {
    let log = "version vpc-id srcaddr dstaddr srcport dstport protocol start end action log-status\n\
        5 vpc-1 192.0.2.4 10.0.0.1 5000 443 6 1772355600 1772355660 ACCEPT OK\n\
        5 vpc-1 - - - - - 1772355600 1772355660 - NODATA\n";
    rows(
        log,
        &[
            &[
                ("event.dataset", "aws.vpcflow"),
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("source.ip", "192.0.2.4"),
                ("destination.port", "443"),
                ("network.iana_number", "6"),
                ("network.transport", "tcp"),
                ("event.end", "2026-03-01T09:01:00.000Z"),
                ("aws.vpcflow.vpc_id", "vpc-1"),
            ],
            &[("source.ip", ""), ("aws.vpcflow.log_status", "NODATA")],
        ],
    );
}

#[test]
fn cells_in_tabs_below_names_in_spaces() {
    let log = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status\n\
        2026-03-01\t10:00:00\tLAX1\t392\t192.0.2.4\tGET\td1.cloudfront.net\t/index page\t200\n";
    rows(
        log,
        &[&[
            ("event.dataset", "aws.cloudfront"),
            ("@timestamp", "2026-03-01T10:00:00.000Z"),
            ("source.ip", "192.0.2.4"),
            ("aws.cloudfront.x_edge_location", "LAX1"),
            ("url.path", "/index page"),
            ("http.response.status_code", "200"),
        ]],
    );
}

#[test]
fn windows_firewall() {
    let log = "#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n\
        #Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path pid\n\n\
        2026-03-01 10:00:05 DROP TCP 192.0.2.7 198.51.100.9 50001 445 52 S 1234 0 64240 - - - RECEIVE 4\n";
    rows(
        log,
        &[&[
            ("event.dataset", "windows.firewall"),
            ("event.action", "DROP"),
            ("network.transport", "tcp"),
            ("source.ip", "192.0.2.7"),
            ("destination.port", "445"),
            ("process.pid", "4"),
        ]],
    );
}

#[test]
fn words_with_commas_are_lines() {
    check("started, listening, ready", &[("event.dataset", "generic.lines")]);
}

/// The events of a text whose blocks have so many frames at most.
fn events_in_blocks(text: &str, rows: usize) -> (Vec<serde_json::Value>, usize) {
    use std::sync::Arc;

    use crate::catalog::Catalog;
    use crate::formats::{DecodeOptions, Decoder};
    use crate::frame::{FrameOptions, Framer, Source};
    use crate::output::{EventWriter, JsonStyle};

    let source = Arc::new(Source {
        path: "x".into(),
        reference_time: 1_772_409_600_000_000,
        ..Source::default()
    });
    let options = FrameOptions {
        batch_rows: rows,
        ..FrameOptions::default()
    };
    let mut framer = Framer::new(source, options);
    framer.push(crate::input::Chunk {
        offset: 0,
        bytes: text.as_bytes().to_vec(),
    });
    framer.finish();
    let options = DecodeOptions {
        ingest_time: Some(0),
        ..DecodeOptions::default()
    };
    let mut decoder = Decoder::new(Catalog::builtin(), options);
    let (mut events, mut misfits) = (Vec::new(), 0);
    while let Some(block) = framer.pop() {
        let decoded = decoder.decode(block);
        misfits += decoded.counters.columns.misfits as usize;
        for batch in &decoded.batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            events.extend((0..batch.len()).filter_map(|row| writer.value(row).ok()));
        }
    }
    (events, misfits)
}

/// Rows that are read together and rows that are read one by one must be the same events.
#[track_caller]
fn same_together(head: &str, row: impl Fn(usize) -> String) {
    let mut text = head.to_owned();
    for number in 0..3000 {
        text.push_str(&row(number));
        text.push('\n');
    }
    let (together, misfits) = events_in_blocks(&text, 8192);
    let (one_by_one, misfits_then) = events_in_blocks(&text, 1);
    assert_eq!(together.len(), 3000);
    for (a, b) in together.iter().zip(&one_by_one) {
        assert_eq!(a, b);
    }
    assert_eq!(misfits, misfits_then);
    let (some, _) = events_in_blocks(&text, 100);
    assert!(some == one_by_one, "blocks of 100");
}

#[test]
fn connections_together() {
    let head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
        #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\tmine\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\tstring\n";
    same_together(head, |n| {
        let service = ["ssl", "-", "(empty)", "dns"][n % 4];
        let duration = ["0.250000", "-", "12.5", "1e3", "nan"][n % 5];
        let port = if n % 700 == 3 {
            "many".to_owned()
        } else {
            (n % 9000).to_string()
        };
        let parents = ["-", "(empty)", "Ca,Cb", "Cc"][n % 4];
        let mine = if n % 900 == 7 { "a\\x2cb" } else { "plain" };
        format!(
            "{}.250000\tC{n}\t10.0.{}.5\t{port}\t203.0.113.{}\t443\ttcp\t{service}\t{duration}\t{n}\t07\tSF\t{}\t0\tShADadFf\t3\t{n}\t4\t200\t{parents}\t{mine}",
            1_772_355_600 + n,
            n % 200,
            n % 250,
            ["T", "F", "-", "x"][n % 4],
        )
    });
}

#[test]
fn separated_values_together() {
    let head = "time,src_ip,source.port,user,bytes,ratio,host name,what\n";
    same_together(head, |n| {
        let what = [
            "plain",
            "\"a, b\"",
            "\"say \"\"x\"\"\"",
            "",
            "-",
            "\"two\nlines\"",
        ][n % 6];
        let odd = if n % 1500 == 1400 { ",one more" } else { "" };
        let port = ["80", "443", "none", "080"][n % 4];
        format!(
            "2026-03-01 10:{:02}:{:02},192.0.2.{},user{},{n},0.{n},dc{}.corp.example,{what}{odd}",
            n / 60 % 60,
            n % 60,
            n % 250,
            n % 17,
            n % 3,
        )
        .replacen(",user", &format!(",{port},user"), 1)
    });
}

/// Without marks of empty cells and escapes, as nearly all logs are.
#[test]
fn plain_connections_together() {
    let head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
        #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\tmine\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\tstring\n";
    same_together(head, |n| {
        let service = ["ssl", "-", "gssapi,smb,krb5,and more", "dns", ""][n % 5];
        let duration = ["0.250000", "-", "12.5", "1e3", "nan", "123456789.500000"][n % 6];
        let port = if n % 700 == 3 {
            "many".to_owned()
        } else {
            (n % 9000).to_string()
        };
        let bytes = ["-", "07", "9", "123456789012", "-5", "+1", ""][n % 7];
        let parents = ["-", "Ca,Cb", "Cc"][n % 3];
        format!(
            "{}.250000\tC{n}\t10.0.{}.{}\t{port}\t2001:db8::{:x}\t443\ttcp\t{service}\t{duration}\t{n}\t{bytes}\tSF\t{}\t0\tShADadFf\t3\t{n}\t{bytes}\t200\t{parents}\tä{n}",
            1_772_355_600 + n,
            n % 200,
            n % 250,
            n % 2_000 * 99_991,
            ["T", "F", "-", "x"][n % 4],
        )
    });
}

/// Quotes around whole cells alone.
#[test]
fn plainly_quoted_values_together() {
    let head = "time,src_ip,source.port,user,bytes,ratio,host name,what\n";
    same_together(head, |n| {
        let what = ["plain", "\"a, b\"", "\"\"", "", "-", "\"-\"", "\"two\nlines\""][n % 7];
        let port = ["80", "443", "none", "080", "\"22\""][n % 5];
        format!(
            "2026-03-01 10:{:02}:{:02},192.0.2.{},{port},user{},{n},0.{n},\"dc{}.corp.example\",{what}",
            n / 60 % 60,
            n % 60,
            n % 250,
            n % 17,
            n % 3,
        )
    });
}

#[test]
fn requests_together() {
    let head = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status time-taken\n";
    same_together(head, |n| {
        format!(
            "2026-03-01 10:{:02}:{:02} 10.0.0.1 GET /page{} {} 443 - 192.0.2.{} \"curl/{n}\" {} {n}",
            n / 60 % 60,
            n % 60,
            n % 40,
            if n % 3 == 0 { "-" } else { "q=\"x" },
            n % 250,
            [200, 404, 500][n % 3],
        )
    });
}

#[test]
fn a_dataset_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = r#"
dataset: acme.visits
title: "Acme visitor lists"
groups: [physical]
prefix: acme.
select: {header: [visitor, door, entered]}
fields:
  - {native: entered, column: "@timestamp"}
  - {native: visitor, column: user.name}
tests:
  - line: "door,Visitor,entered,note\n7,ann,2026-03-01 10:00:00,\"late, alone\"\n"
    expect: {user.name: ann, acme.door: "7", acme.note: "late, alone", "@timestamp": "2026-03-01T10:00:00Z"}
"#;
    std::fs::write(folder.path().join("visits.yaml"), file).expect("writes");
    let catalog = crate::catalog::Catalog::with_dir(folder.path()).expect("a catalog");
    let outcomes = crate::check::run(&catalog, Some("acme.visits"));
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].mistakes, []);
}
