use super::*;
use crate::frame::Peer;

fn pins(texts: &[&str]) -> Result<Pins, String> {
    Pins::parse(texts, &Catalog::builtin()).map_err(|error| error.to_string())
}

fn of(pins: &Pins, path: &str, address: Option<&str>, port: Option<u16>) -> String {
    let address = address.map(|address| address.parse().expect("an address"));
    let source = Source {
        path: path.into(),
        peer: Peer { address, port },
        ..Source::default()
    };
    let dataset = pins.of_source(&source);
    dataset.map_or(String::new(), |dataset| dataset.name.to_string())
}

#[test]
fn the_kind_that_says_more_decides() {
    let pins = pins(&[
        "port:5514=cisco.asa",
        "host:192.0.2.0/24=fortinet.fortigate",
        "host:192.0.2.7=cisco.ios",
        "fw/*.log=paloalto.prisma_access",
        "-=linux.auth",
    ])
    .expect("good pins");
    assert_eq!(of(&pins, "tcp://x", None, Some(5514)), "cisco.asa");
    assert_eq!(
        of(&pins, "tcp://x", Some("192.0.2.8"), Some(5514)),
        "fortinet.fortigate"
    );
    assert_eq!(of(&pins, "tcp://x", Some("192.0.2.7"), Some(5514)), "cisco.ios");
    assert_eq!(of(&pins, "tcp://x", Some("::ffff:192.0.2.7"), None), "cisco.ios");
    assert_eq!(
        of(&pins, "logs/fw/a.log", Some("192.0.2.7"), None),
        "paloalto.prisma_access"
    );
    assert_eq!(of(&pins, "-", None, None), "linux.auth");
    assert_eq!(of(&pins, "other.log", None, Some(514)), "");
    let host = |name: &str| pins.of_host(name).map(|dataset| dataset.name.to_string());
    assert_eq!(host("192.0.2.9").as_deref(), Some("fortinet.fortigate"));
    assert_eq!(host("fw1"), None);
}

#[test]
fn paths_count_from_their_end_or_from_the_root() {
    let pins = pins(&["a.log=cisco.asa", "/srv/logs/**=cisco.ios", "b/*.gz=linux.auth"]).expect("good pins");
    for (path, name) in [
        ("a.log", "cisco.asa"),
        ("x/a.log", "cisco.asa"),
        ("xa.log", ""),
        ("/srv/logs/deep/er/c.log", "cisco.ios"),
        ("/srv/./x/../logs/c.log", "cisco.ios"),
        ("/tmp/srv/logs/c.log", ""),
        // `/srv/logs/**` names more.
        ("/srv/logs/a.log", "cisco.ios"),
        ("b/x.gz", "linux.auth"),
        ("b/c/x.gz", ""),
    ] {
        assert_eq!(of(&pins, path, None, None), name, "{path}");
    }
}

#[test]
fn hosts_by_name() {
    let pins = pins(&[
        "host:fw1=cisco.asa",
        "host:fw*=cisco.ios",
        "host:*.example.com=linux.auth",
    ])
    .expect("good");
    let host = |name: &str| {
        pins.of_host(name)
            .map_or(String::new(), |dataset| dataset.name.to_string())
    };
    assert_eq!(host("FW1"), "cisco.asa");
    assert_eq!(host("fw2"), "cisco.ios");
    // The one that names more.
    assert_eq!(host("fw2.example.com"), "linux.auth");
    assert_eq!(host("web"), "");
    assert_eq!(host(&"fw".repeat(200)), "");
}

#[test]
fn what_means_nothing_or_two_things_is_told() {
    for (texts, told) in [
        (&["door.log"][..], "pin `door.log`: write WHAT=DATASET"),
        (
            &["*.log=cisco.asaa"],
            "no dataset `cisco.asaa`; did you mean `cisco.asa`?",
        ),
        (
            &["hosts:fw1=cisco.asa"],
            "`hosts:` is no kind of pin: there are path:, host: and port:",
        ),
        (&["port:0=cisco.asa"], "`0` is no port"),
        (&["port:x=cisco.asa"], "`x` is no port"),
        (
            &["host:192.0.2.0/40=cisco.asa"],
            "the prefix length must be 0 to 32",
        ),
        (&["host:192.0.2.*=cisco.asa"], "write a network like 192.0.2.0/24"),
        (&["host:=cisco.asa"], "is no host"),
        (&["../x=cisco.asa"], "without `..`"),
        (&["=cisco.asa"], "is no pattern of paths"),
        (
            &["*.log=cisco.asa", "door*=cisco.ios"],
            "pin `door*=cisco.ios`: `door*` says cisco.ios, `*.log` says cisco.asa (pin `*.log=cisco.asa`), and both fit `/door.log`",
        ),
        (&["a.log=cisco.asa", "a.log=cisco.ios"], "both fit the same"),
        (&["port:514=cisco.asa", "port:514=cisco.ios"], "both fit port 514"),
        (&["host:fw1=cisco.asa", "host:FW1=cisco.ios"], "both fit it"),
        (&["host:f*=cisco.asa", "host:*1=cisco.ios"], "both fit `f1`"),
        (
            &["host:192.0.2.7/24=cisco.asa", "host:192.0.2.0/24=cisco.ios"],
            "both fit the same addresses",
        ),
    ] {
        let error = pins(texts).expect_err("a mistake");
        assert!(error.contains(told), "{texts:?}: {error}");
    }
    // What agrees, or names different amounts, contradicts nothing.
    pins(&[
        "*.log=cisco.asa",
        "door*=cisco.asa",
        "door.*=cisco.ios",
        "*.gz=cisco.ios",
    ])
    .expect("no contradiction");
    let many: Vec<String> = (0..300).map(|i| format!("host:{i:03}*=cisco.asa")).collect();
    let error = Pins::parse(&many, &Catalog::builtin()).expect_err("too many");
    assert!(error.to_string().contains("more than 256 patterns"), "{error}");
    assert!(pins(&[&format!("{}*=cisco.asa", "x".repeat(200))]).is_err());
}

#[test]
fn contradictions_of_catalog_files_are_told_with_both_places() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, dataset: &str, select: &str| {
        let text = format!("dataset: {dataset}\ntitle: x\nselect:\n  {select}\n");
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write("a.yaml", "acme.a", "hosts: [gate7, gate8]");
    write("b.yaml", "acme.b", "hosts: [gate8]");
    let error = Catalog::with_dir(folder.path())
        .expect_err("a contradiction")
        .to_string();
    assert!(error.contains("b.yaml:4:11: `gate8` says acme.b"), "{error}");
    assert!(error.contains("a.yaml:4:18), and both fit"), "{error}");
    write("b.yaml", "acme.b", "{ports: [514], paths: ['../x']}");
    let error = Catalog::with_dir(folder.path()).expect_err("no path").to_string();
    assert!(
        error.contains("b.yaml:4:") && error.contains("without `..`"),
        "{error}"
    );
}

#[test]
fn the_host_asked_last_is_remembered_with_its_answer() {
    let catalog = Catalog::builtin();
    let pins = pins(&["host:fw*=cisco.asa", "host:edge-*=cisco.ios"]).expect("good pins");
    let options = DecodeOptions {
        pins: Arc::new(pins.clone()),
        ..DecodeOptions::default()
    };
    let mut pinned = Pinned::new(&options, &catalog);
    let long = "fw".repeat(200);
    for host in ["fw1", "fw1", "edge-1", "web", "web", "fw1", "", &long, "FW1"] {
        for fixed in [false, true, true] {
            let expected = pins.of_host(host).map(|dataset| dataset.name.clone());
            let answer = pinned.of_host(host, fixed).map(|dataset| dataset.name.clone());
            assert_eq!(answer, expected, "{host}");
            let last = pinned.last.as_ref().expect("one was asked");
            assert_eq!(last.host == host && last.fixed == fixed, host.len() <= MAX_HOST);
        }
    }
}

#[test]
fn long_patterns_are_errors_and_many_cost_little_time() {
    let long = format!("host:{}*=cisco.asa", "x".repeat(200));
    let error = pins(&[&long]).expect_err("too long");
    assert!(error.contains("may have 128 characters"), "{error}");
    // All name as much, and none fits what another does.
    let hard = |i: usize| {
        format!(
            "{}{}",
            "?a*".repeat(40),
            char::from_u32(0x4e00 + i as u32).expect("a letter")
        )
    };
    for kind in ["host", "path"] {
        let started = std::time::Instant::now();
        let of = |i: usize| format!("{kind}:{}={}", hard(i), ["cisco.asa", "cisco.ios"][i % 2]);
        let many: Vec<String> = (0..256).map(of).collect();
        let error = Pins::parse(&many, &Catalog::builtin())
            .expect_err("too many")
            .to_string();
        assert!(
            error.contains("too many long patterns") && error.contains("` and `?a*?a*"),
            "{error}"
        );
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
        // A few of them, and many short ones, are none.
        Pins::parse(&many[..8], &Catalog::builtin()).expect("few");
        let of = |i: usize| format!("{kind}:edge-{i:03}-*={}", ["cisco.asa", "cisco.ios"][i % 2]);
        let short: Vec<String> = (0..256).map(of).collect();
        Pins::parse(&short, &Catalog::builtin()).expect("short");
    }
}

#[test]
fn contradictions_are_told_in_any_spelling() {
    for (one, two) in [
        ("./fw.log", "fw.log"),
        ("a\\b.log", "a/b.log"),
        ("path:fw.log", "./fw.log"),
    ] {
        let error =
            pins(&[&format!("{one}=cisco.asa"), &format!("{two}=cisco.ios")]).expect_err("a contradiction");
        assert!(error.contains("both fit the same"), "{one} {two}: {error}");
        pins(&[&format!("{one}=cisco.asa"), &format!("{two}=cisco.asa")]).expect("they agree");
    }
    pins(&["/fw.log=cisco.asa", "fw.log=cisco.ios"]).expect("the root names more");
}
