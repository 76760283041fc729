//! Lists of every form.

use crate::indicators::read::load_text;
use crate::indicators::*;

fn values(path: &str, text: &str) -> (Vec<String>, FileReport) {
    let loaded = load_text(path, text.as_bytes());
    let values = loaded.set.indicators().map(|found| found.value()).collect();
    (values, loaded.files.into_iter().next().unwrap())
}

#[test]
fn plain_lists() {
    let (found, report) = values(
        "feeds/bad-things.txt.gz",
        "\u{feff}# a comment, then a header\nip\n192.0.2.1\n198.51.100.0/24 ; SBL1\r\nevil[.]example # dropper\n\n// x\n\
         what is this?\n0.0.0.0 one.example two.example # ads\n127.0.0.1 localhost\n192.0.2.1\nhttp://e.example/#frag\n",
    );
    let expected = [
        "192.0.2.1",
        "198.51.100.0/24",
        "evil.example",
        "one.example",
        "two.example",
        "http://e.example/",
    ];
    assert_eq!(found, expected);
    assert_eq!((report.added, report.again, report.refused), (6, 1, 1));
    assert_eq!((report.list.as_str(), report.form), ("bad-things", "plain list"));
    assert_eq!(report.problems[0].line, 8);
    assert_eq!(
        report.problems[0].to_string(),
        "feeds/bad-things.txt.gz:8: `what` is no address, network, domain, hash (MD5, SHA-1, SHA-256, SHA-512) or URL"
    );
    let loaded = load_text("x", "198.51.100.0/24 ; SBL1\nevil.example #x y\n".as_bytes());
    let said: Vec<_> = loaded
        .set
        .indicators()
        .map(|found| found.about().description)
        .collect();
    assert_eq!(said, ["SBL1", "x y"]);
}

#[test]
fn comments_that_speak_of_the_list() {
    let text = "# borzoi: name=phishing kits\n# borzoi: level=critical\n# borzoi: tags=attack.t1566, x\n# borzoi: exact\n\
                # borzoi: colour=red\nevil.example\n";
    let loaded = load_text("a.txt", text.as_bytes());
    let list = &loaded.set.lists()[0];
    assert_eq!((&*list.name, loaded.set.lists().len()), ("phishing kits", 1));
    assert_eq!(list.settings.level, borzoi_rules::ir::Level::Critical);
    assert_eq!(list.settings.tags, ["attack.t1566", "x"]);
    assert!(loaded.set.find(Asked::Domain, "www.evil.example").is_empty());
    assert_eq!(loaded.set.find(Asked::Domain, "evil.example").len(), 1);
    assert_eq!(
        (loaded.files[0].refused, loaded.files[0].problems[0].line),
        (1, 5)
    );
}

#[test]
fn tables_with_the_names_of_their_columns() {
    let (found, report) = values(
        "feed.csv",
        "type;value;comment;valid_until\nip;192.0.2.1;\"c2; \"\"main\"\"\";2026-01-02\nemail;a@b.example;;\nurl;evil.example;;\n\
         domain;x.example;;tomorrow\n",
    );
    assert_eq!(found, ["192.0.2.1", "evil.example/"], "{report:?}");
    assert_eq!((report.passed_over, report.refused), (1, 1));
    assert_eq!(report.problems[0].line, 5);
    let text = "# dump\n#\n# \"first_seen\",\"ioc_value\",\"ioc_type\",\"malware_printable\",\"confidence_level\",\"tags\"\n\
                \"2026-01-01\", \"192.0.2.1:4443\", \"ip:port\", \"Some Bot\", \"75\", \"a,b\"\n\
                \"2026-01-01\", \"oops\n\"2026-01-01\", \"evil.example\", \"domain\", \"two\nlines\", \"50\", \"None\"\n# end\n";
    let loaded = load_text("threat.csv", text.as_bytes());
    let said: Vec<_> = loaded
        .set
        .indicators()
        .map(|found| {
            (
                found.value(),
                found.about().description.to_owned(),
                found.about().confidence,
                found.about().labels.to_owned(),
            )
        })
        .collect();
    assert_eq!(
        said[0],
        ("192.0.2.1".into(), "Some Bot".into(), Some(75), "a\nb".into())
    );
    // The row with the open quote costs itself; what it would have swallowed is there.
    assert!(said.iter().any(|(value, ..)| value == "evil.example"), "{said:?}");
    assert!(loaded.files[0].refused > 0);
    // Several hashes in a row; a tab; no header.
    let both = "sha256_hash\tmd5_hash\n\td41d8cd98f00b204e9800998ecf8427e\n";
    assert_eq!(values("h.tsv", both).0, ["d41d8cd98f00b204e9800998ecf8427e"]);
    assert_eq!(
        values("plain.csv", "192.0.2.1,x\n192.0.2.2\n").0,
        ["192.0.2.1", "192.0.2.2"]
    );
    assert_eq!(values("one.csv", "ip\n192.0.2.1\n").0, ["192.0.2.1"]);
}

#[test]
fn json_of_any_shape() {
    let cases = [
        r#"["192.0.2.1", "evil.example"]"#,
        r#"[{"ip": "192.0.2.1"}, {"domain": "evil.example", "refs": [{"a": 1}]}]"#,
        "{\"indicator\": \"192.0.2.1\", \"refs\": [{\"a\": 1}]}\n{\"indicator\": \"evil.example\", \"type\": \"domain\"}\n",
        r#"{"meta": {"count": 2}, "data": [{"value": "192.0.2.1"}, {"value": "evil[.]example"}]}"#,
        r#"{"17": [{"ioc_value": "192.0.2.1:80"}], "18": [{"ioc_value": "evil.example", "confidence_level": 90}]}"#,
        r#"{"feed": "x", "list": {"bad": [{"ip": "192.0.2.1"}, {"host": "evil.example"}]}}"#,
    ];
    for text in cases {
        let (found, report) = values("a.json", text);
        assert_eq!(found, ["192.0.2.1", "evil.example"], "{text}");
        assert_eq!(
            (report.refused, report.failed),
            (0, false),
            "{text} {:?}",
            report.problems
        );
    }
    let (found, report) = values(
        "a.json",
        "[\n{\"ip\": \"192.0.2.1\"},\n{\"ip\": \"?\"},\n{\"ip\": \"192.0.2.2\"},\n{\"ip\": ",
    );
    assert_eq!(found, ["192.0.2.1", "192.0.2.2"]);
    assert!(report.failed && report.refused == 1);
    assert_eq!(
        report
            .problems
            .iter()
            .map(|problem| problem.line)
            .collect::<Vec<_>>(),
        [3, 5]
    );
}

#[test]
fn bundles_of_stix() {
    let indicator = |more: &str| {
        format!(
            r#"{{"type": "indicator", "id": "indicator--1", "name": "n", "labels": ["l"], "confidence": 70, "pattern_type": "stix", {more}}}"#
        )
    };
    let patterns = [
        r#""pattern": "[ipv4-addr:value = '192.0.2.1']", "valid_until": "2026-01-01T00:00:00.000Z""#,
        r#""pattern": "[domain-name:value = 'a.example' OR domain-name:value IN ('b.example', 'c.example')]""#,
        r#""pattern": "[file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' AND file:name = 'x']""#,
        r#""pattern": "[ipv4-addr:value ISSUBSET '198.51.100.0/24'] OR [url:value = 'http://e.example/\\'x']""#,
        r#""pattern": "[network-traffic:dst_ref.value = '192.0.2.9' AND network-traffic:dst_port = 443]""#,
        r#""pattern": "[domain-name:value = 'd.example'] FOLLOWEDBY [domain-name:value = 'e.example']""#,
        r#""pattern": "[process:name LIKE '%x%']""#,
        r#""pattern": "[ipv4-addr:value = 'nothing']""#,
        r#""pattern": "[ipv4-addr:value = ""#,
        r#""pattern": "[ipv4-addr:value = '192.0.2.7']", "revoked": true"#,
    ];
    let objects: Vec<String> = patterns.iter().map(|more| indicator(more)).collect();
    let bundle = format!(
        r#"{{"type": "bundle", "id": "bundle--1", "objects": [{{"type": "identity", "id": "identity--1", "name": "Who"}},
        {{"type": "malware", "id": "malware--1", "name": "m"}}, {}]}}"#,
        objects.join(",\n")
    );
    let loaded = load_text("stix.json", bundle.as_bytes());
    let found: Vec<String> = loaded.set.indicators().map(|found| found.value()).collect();
    let expected = [
        "192.0.2.1",
        "a.example",
        "b.example",
        "c.example",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "198.51.100.0/24",
        "http://e.example/'x",
    ];
    assert_eq!(found, expected);
    let report = &loaded.files[0];
    assert_eq!(
        (report.refused, report.passed_over, report.failed),
        (5, 2, false),
        "{:?}",
        report.problems
    );
    let first = loaded.set.find(Asked::Address, "192.0.2.1")[0];
    assert_eq!(
        (
            first.about().source,
            first.about().labels,
            first.about().confidence
        ),
        ("Who", "l", Some(70))
    );
    assert_eq!(first.valid_until(), Some(1_767_225_600_000_000));
    // One object a line, without a bundle.
    assert_eq!(values("s.jsonl", &objects.join("\n")).0, expected);
}

#[test]
fn events_of_misp() {
    let event = r#"{"Event": {"info": "Campaign", "threat_level_id": "1", "Orgc": {"name": "CERT"},
        "Tag": [{"name": "tlp:green"}], "Attribute": [
            {"type": "ip-dst|port", "value": "192.0.2.1|443", "to_ids": true, "comment": "c2", "category": "Network activity"},
            {"type": "ip-dst", "value": "192.0.2.2", "to_ids": false},
            {"type": "ip-dst", "value": "192.0.2.3", "to_ids": true, "deleted": true},
            {"type": "domain|ip", "value": "evil.example|192.0.2.4", "to_ids": true, "Tag": [{"name": "x"}]},
            {"type": "ip-src", "value": "nobody", "to_ids": true},
            {"type": "yara", "value": "rule x", "to_ids": true}],
        "Object": [{"name": "file", "Attribute": [
            {"type": "filename|md5", "value": "a.exe|d41d8cd98f00b204e9800998ecf8427e", "to_ids": "1"}]}]}}"#;
    for text in [
        event.to_owned(),
        format!("[{event}]"),
        format!(r#"{{"response": [{event}]}}"#),
    ] {
        let loaded = load_text("misp.json", text.as_bytes());
        let found: Vec<String> = loaded.set.indicators().map(|found| found.value()).collect();
        let expected = [
            "192.0.2.1",
            "evil.example",
            "192.0.2.4",
            "d41d8cd98f00b204e9800998ecf8427e",
        ];
        assert_eq!(found, expected, "{text}");
        let report = &loaded.files[0];
        assert_eq!((report.refused, report.passed_over, report.failed), (1, 3, false));
        let first = loaded.set.find(Asked::Address, "192.0.2.1")[0];
        assert_eq!(first.about().description, "c2; Campaign");
        assert_eq!(first.about().labels, "tlp:green\nNetwork activity");
        assert_eq!(first.about().source, "CERT");
        assert_eq!(first.about().severity, Some(borzoi_rules::ir::Level::High));
    }
    let attributes = r#"{"response": {"Attribute": [{"type": "md5", "value": "d41d8cd98f00b204e9800998ecf8427e", "to_ids": true}]}}"#;
    assert_eq!(
        values("a.json", attributes).0,
        ["d41d8cd98f00b204e9800998ecf8427e"]
    );
}

#[test]
fn folders_are_read_in_order_and_what_is_no_list_is_left() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("b.txt", "192.0.2.2\n"),
        ("a.csv", "ip,tags\n192.0.2.1,x\n"),
        ("notes.md", "192.0.2.3\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let loaded = load([folder.path(), &folder.path().join("missing.txt")]);
    let lists: Vec<_> = loaded
        .set
        .lists()
        .iter()
        .map(|list| (&*list.name, list.counts[0]))
        .collect();
    assert_eq!(lists, [("a", 1), ("b", 1)]);
    assert!(loaded.has_losses() && loaded.files[2].failed && loaded.files[2].list == "missing");
}

#[test]
fn a_comment_right_behind_a_network_makes_no_url_of_it() {
    let (found, report) = values("x", "198.51.100.0/24#SBL1\n198.51.100.0/245#x\n192.0.2.1/\n");
    assert_eq!(
        (found, report.refused),
        (vec!["198.51.100.0/24".to_owned(), "192.0.2.1/".to_owned()], 1)
    );
}

/// The seeds of the fuzzer, and what it found: whole, cut off anywhere, and with each byte another.
#[test]
fn what_holds_for_any_bytes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/lists");
    let mut seeds = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(seed.unwrap().path()).unwrap();
        super::check::check(&bytes);
        for place in (0..bytes.len()).step_by(7) {
            super::check::check(&bytes[..place]);
            let mut other = bytes.clone();
            other[place] ^= 1 << (place % 8);
            super::check::check(&other);
        }
        seeds += 1;
    }
    assert!(seeds >= 6, "{seeds}");
}
