//! Prints how fast tables are parsed into batches on one thread: megabytes per second of time on the processor, from
//! bytes to finished columns. `table_bench [FILE…]`; without files, logs that it makes up.

use std::fmt::Write as _;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use borzoi_parsers::input::Chunk;

const ROWS: u64 = 400_000;
const ROUNDS: usize = 5;

fn main() -> std::io::Result<()> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        measure("zeek conn", connections().as_bytes());
        measure("csv, generic", values(false).as_bytes());
        measure("csv, quoted", values(true).as_bytes());
        measure("iis", requests().as_bytes());
    }
    for file in files {
        measure(&file, &std::fs::read(&file)?);
    }
    Ok(())
}

/// Time that this process has spent on a processor, in seconds.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let spent = text.split(' ').next().and_then(|text| text.parse::<u64>().ok());
    spent.unwrap_or_default() as f64 / 1e9
}

fn measure(name: &str, bytes: &[u8]) {
    let mut best = (f64::MAX, 0.0);
    let mut events = 0;
    for _ in 0..ROUNDS {
        let source = Arc::new(Source {
            path: "x".into(),
            reference_time: 0,
            ..Source::default()
        });
        let mut framer = Framer::new(source, FrameOptions::default());
        let mut decoder = Decoder::new(Catalog::builtin(), DecodeOptions::default());
        let (mut framing, mut decoding) = (0.0, 0.0);
        events = 0;
        let pieces = bytes.chunks(1 << 20).scan(0_u64, |offset, piece| {
            let start = *offset;
            *offset += piece.len() as u64;
            Some((start, piece))
        });
        for piece in pieces.map(Some).chain([None]) {
            let chunk = piece.map(|(offset, piece)| Chunk {
                offset,
                bytes: piece.to_vec(),
            });
            let start = processor_time();
            match chunk {
                Some(chunk) => framer.push(chunk),
                None => framer.finish(),
            }
            let framed = processor_time();
            framing += framed - start;
            while let Some(block) = framer.pop() {
                events += decoder.decode(block).counters.events;
            }
            decoding += processor_time() - framed;
        }
        if framing + decoding < best.0 {
            best = (framing + decoding, framing);
        }
    }
    println!(
        "{name}: {:.0} MB/s, {events} events, {:.0} ns each ({:.0} of it framing)",
        bytes.len() as f64 / 1e6 / best.0,
        best.0 * 1e9 / events as f64,
        best.1 * 1e9 / events as f64,
    );
}

/// Numbers that look like chance.
fn mixed(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

fn connections() -> String {
    let mut log = String::from(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
        #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\n",
    );
    for row in 0..ROWS {
        let chance = mixed(row);
        let _ = writeln!(
            log,
            "{}.{:06}\tC{:017x}\t10.0.{}.{}\t{}\t203.0.113.{}\t{}\ttcp\t{}\t{}.{:06}\t{}\t{}\t{}\tT\tF\t0\tShADadFf\t{}\t{}\t{}\t{}\t(empty)",
            1_772_355_600 + row / 900,
            chance % 1_000_000,
            chance,
            chance % 4,
            chance % 250,
            1024 + chance % 60_000,
            chance / 7 % 250,
            [443, 80, 53, 22][(chance % 4) as usize],
            ["ssl", "http", "dns", "-"][(chance % 4) as usize],
            chance % 30,
            chance / 11 % 1_000_000,
            chance % 5000,
            chance / 3 % 90_000,
            ["SF", "S0", "REJ", "RSTO"][(chance / 5 % 4) as usize],
            chance % 30,
            chance % 6000,
            chance / 3 % 80,
            chance / 3 % 99_000,
        );
    }
    log
}

fn values(quoted: bool) -> String {
    let mut log =
        String::from("time,src_ip,src_port,dst_ip,dst_port,user,verdict,bytes_in,bytes_out,session,url\n");
    for row in 0..ROWS {
        let chance = mixed(row);
        let start = log.len();
        let _ = writeln!(
            log,
            "2026-03-01T10:{:02}:{:02}.{:03}Z,10.0.{}.{},{},203.0.113.{},{},user{},{},{},{},{:016x},/path/{}/page.html",
            row / 900 % 60,
            row / 15 % 60,
            chance % 1000,
            chance % 4,
            chance % 250,
            1024 + chance % 60_000,
            chance / 7 % 250,
            [443, 80, 53, 22][(chance % 4) as usize],
            chance % 300,
            ["allowed", "denied"][(chance / 5 % 2) as usize],
            chance % 5000,
            chance / 3 % 90_000,
            chance,
            chance % 2000,
        );
        if quoted {
            let line = log[start..].trim_end().replace(',', "\",\"");
            log.truncate(start);
            let _ = writeln!(log, "\"{line}\"");
        }
    }
    log
}

fn requests() -> String {
    let mut log = String::from(
        "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n",
    );
    for row in 0..ROWS {
        let chance = mixed(row);
        let _ = writeln!(
            log,
            "2026-03-01 10:{:02}:{:02} 10.0.0.1 GET /path/{}/page.aspx id={} 443 - 192.0.2.{} Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+AppleWebKit/537.36+(KHTML,+like+Gecko)+Chrome/{}.0.0.0+Safari/537.36 - {} 0 0 {}",
            row / 900 % 60,
            row / 15 % 60,
            chance % 2000,
            chance,
            chance / 7 % 250,
            100 + chance % 20,
            [200, 304, 404, 500][(chance / 5 % 4) as usize],
            chance % 900,
        );
    }
    log
}
