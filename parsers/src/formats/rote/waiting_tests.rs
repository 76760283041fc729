//! Lines whose events wait until many are together, and lines of the same datasets in between that are read.

use proptest::prelude::*;

use super::tests::{Both, Random, line};
use super::*;

fn pick<'l>(random: &mut Random, list: &[&'l str]) -> &'l str {
    list[random.below(list.len() as u64) as usize]
}

/// A line that may be one of an access log.
fn request(random: &mut Random) -> String {
    let client = match random.below(6) {
        0 => pick(
            random,
            &[
                "::1",
                "a.example",
                "10.0.0.1, 192.0.2.7",
                "256.1.1.1",
                "shop:80 10.0.0.9",
            ],
        )
        .to_owned(),
        _ => std::net::Ipv4Addr::from((random.below(1 << 32) as u32).to_be_bytes()).to_string(),
    };
    let user = pick(random, &["-", "-", "mara", "a b", "x\"", "-x", "", "é"]);
    let stamp = pick(
        random,
        &[
            "03/Feb/2026:04:05:06 +0100",
            "03/Feb/2026:04:05:07 +0000",
            "30/Feb/2026:04:05:06 +0100",
            "03/Feb/2026:04:05:06",
        ],
    );
    let path = match random.below(3) {
        0 => pick(
            random,
            &[
                "/",
                "/a?",
                "/a?b=c?d",
                "/x/y.tar.gz",
                "/.x",
                "/\\x22",
                "http://a/b.c",
                "*",
                "/é.png",
                "/a b",
            ],
        )
        .to_owned(),
        _ => format!("/p{}/index.html?q={}", random.below(50), random.below(1 << 40)),
    };
    let version = pick(random, &[" HTTP/1.1", " HTTP/1.1", " HTTP/2.0", " HTTP/2", ""]);
    let status = pick(random, &["200", "404", "0200", "99999999999999999999"]);
    let bytes = match random.below(4) {
        0 => pick(random, &["-", "0", "007", "x"]).to_owned(),
        _ => random.below(1 << 30).to_string(),
    };
    let rest = match random.below(6) {
        0 => "",
        1 => " \"-\" \"-\"",
        2 => " \"\" \"curl/8\"",
        3 => " \"https://a.example/\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
        4 => " \"-\" \"x\" \"y\"",
        _ => " \"https://a.example/x\" \"a \\\"b\"",
    };
    format!("{client} - {user} [{stamp}] \"GET {path}{version}\" {status} {bytes}{rest}")
}

/// A few lines of each of some forms, and others.
fn lines(random: &mut Random, many: usize, forms: &[usize]) -> Vec<String> {
    let one = |random: &mut Random| match random.below(8) {
        0 => request(random),
        1 => format!("{{\"message\":\"m{}\"}}", random.below(99)),
        2 => format!(
            "<134>Mar  1 10:00:00 fw CEF:0|A|B|1|1|N|5|src=192.0.2.{} spt={} msg=x",
            random.below(256),
            random.below(999)
        ),
        _ => {
            let form = &TABLE.forms[forms[random.below(forms.len() as u64) as usize]];
            line(form.program, &form.template, random)
        }
    };
    (0..many).map(|_| one(random)).collect()
}

proptest! {
    // Two decoders a case are made anew.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn requests_as_read(seed in any::<u64>(), many in 1..60_usize) {
        let mut random = Random(seed);
        let lines: Vec<String> = (0..many).map(|_| request(&mut random)).collect();
        let mut both = Both::new();
        both.agree(&lines);
        both.agree(&lines);
    }
}

/// More lines than wait together, and than a dictionary is kept for; the columns of later batches are plain.
#[test]
fn blocks_of_many_lines_as_read() {
    let mut random = Random(5);
    let mut both = Both::new();
    let devices: Vec<usize> = (0..TABLE.forms.len())
        .filter(|form| TABLE.forms[*form].program == "%")
        .collect();
    for round in 0..4 {
        // Of one form and of many, so that more plans wait than may.
        let forms = match round {
            0 | 1 => &devices[..3],
            _ => &devices,
        };
        both.agree(&lines(&mut random, 1_500, forms));
    }
}

/// Known lines in a row, as most logs have them, and now and then one that is read, some of them shortly behind each other.
#[test]
fn known_lines_in_a_row_as_read() {
    let line = |at: usize| match at % 97 {
        0 | 5 => format!("<134>Mar  1 10:00:00 fw1 %ASA-6-199999: something else {at}"),
        _ => format!(
            "<134>Mar  1 10:00:00 fw1 %ASA-6-302016: Teardown UDP connection {at} for outside:192.0.2.{}/53 to inside:10.0.0.{}/{} duration 0:00:0{} bytes {}",
            at % 200,
            at % 7,
            1024 + at,
            at % 10,
            at * 3
        ),
    };
    let mut both = Both::new();
    for round in 0..3 {
        let lines: Vec<String> = (0..700).map(|at| line(round * 700 + at)).collect();
        both.agree(&lines);
    }
}

#[test]
fn most_requests_are_known() {
    let line =
        "192.0.2.1 - - [03/Feb/2026:04:05:06 +0100] \"GET /a HTTP/1.1\" 200 5 \"-\" \"curl/8\"".to_owned();
    let lines = vec![line; 3];
    let mut both = Both::new();
    both.agree(&lines);
    let requests = both.known.rote().requests.as_ref();
    assert!(matches!(requests, Some(Requests::Known(..))));
    // Whoever says that these are plain lines is believed.
    let options = crate::formats::DecodeOptions {
        format: Some(crate::formats::Format::Lines),
        ..super::tests::options()
    };
    let mut plain = Decoder::new(crate::catalog::Catalog::builtin(), options);
    let decoded = plain.decode(super::tests::block(&lines));
    assert_ne!(&*decoded.batches[0].dataset.name, crate::formats::access::DATASET);
}
