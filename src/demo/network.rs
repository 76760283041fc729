//! Zeek: connections as tab-separated text, DNS and HTTP as JSON lines.

use super::clock::{self, Clock, SECOND, epoch};
use super::files::{Frame, Planned};
use super::json::Object;
use super::random::Random;
use super::world::{Host, Tenant, WEB, WINDOWS, outside};

/// What Zeek writes around a day of `conn.log`.
pub(super) fn conn_frame(clock: Clock) -> Frame {
    let open = clock::format(clock.at(0, 0, 0, 0), "%Y-%m-%d-%H-%M-%S");
    let close = clock::format(clock.end(), "%Y-%m-%d-%H-%M-%S");
    let fields = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents";
    let types = "time string addr port addr port enum string interval count count string bool bool count string count count count count set[string]";
    Frame {
        head: format!(
            "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t{open}\n#fields\t{}\n#types\t{}\n",
            fields.replace(' ', "\t"),
            types.replace(' ', "\t")
        ),
        between: "\n",
        tail: format!("\n#close\t{close}\n"),
    }
}

/// Zeek's connection id.
pub(super) fn uid(random: &mut Random) -> String {
    format!("C{}", random.hex(17))
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub port: u16,
    pub proto: &'a str,
    pub service: &'a str,
    pub millis: u64,
    pub sent: u64,
    pub received: u64,
    pub state: &'a str,
}

/// A line of `conn.log`.
pub(super) fn conn_line(random: &mut Random, time: i64, c: &Connection<'_>) -> String {
    let local = |ip: &str| if ip.starts_with("10.") { "T" } else { "F" };
    let (sent_packets, received_packets) = (c.sent / 900 + 3, c.received / 1300 + 2);
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}.{:03}000\t{}\t{}\t{}\t{}\t{}\t0\t{}\t{}\t{}\t{}\t{}\t-",
        epoch(time),
        uid(random),
        c.from,
        random.between(32_768, 65_000),
        c.to,
        c.port,
        c.proto,
        c.service,
        c.millis / 1000,
        c.millis % 1000,
        c.sent,
        c.received,
        c.state,
        local(c.from),
        local(c.to),
        if c.proto == "udp" { "Dd" } else { "ShADadFf" },
        sent_packets,
        c.sent + sent_packets * 40,
        received_packets,
        c.received + received_packets * 40,
    )
}

/// An ordinary connection.
pub(super) fn conn(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let client = tenant.workstation(random).ip.clone();
    let server = random.pick(&tenant.windows[..tenant.servers]).ip.clone();
    let out = outside(random);
    let (from, to, port, proto, service, state) = match random.below(100) {
        0..=44 => (client, out, 443, "tcp", "ssl", "SF"),
        45..=64 => (client, tenant.windows[0].ip.clone(), 53, "udp", "dns", "SF"),
        65..=74 => (client, server, 445, "tcp", "gssapi,smb,krb", "SF"),
        75..=80 => (client, tenant.windows[0].ip.clone(), 88, "tcp", "krb_tcp", "SF"),
        81..=84 => (client, server, 3389, "tcp", "rdp,ssl", "SF"),
        85..=88 => (client, out, 80, "tcp", "http", "SF"),
        89..=92 => (
            client,
            random.pick(&tenant.linux).ip.clone(),
            22,
            "tcp",
            "ssh",
            "SF",
        ),
        93..=95 => (client, out, 123, "udp", "ntp", "SF"),
        // Scanners of the internet at the outer address.
        _ => (
            out,
            tenant.linux[0].ip.clone(),
            *random.pick(&[22, 23, 80, 443, 8080, 3389]),
            "tcp",
            "-",
            "S0",
        ),
    };
    let heavy = random.chance(4) && proto == "tcp" && port != 88;
    let connection = Connection {
        from: &from,
        to: &to,
        port,
        proto,
        service,
        millis: random.between(2, if heavy { 900_000 } else { 30_000 }),
        sent: if state == "S0" {
            0
        } else {
            random.between(40, if heavy { 2_000_000 } else { 9_000 })
        },
        received: if state == "S0" {
            0
        } else {
            random.between(40, if heavy { 60_000_000 } else { 90_000 })
        },
        state,
    };
    conn_line(random, time, &connection)
}

/// Times from `from` to `to`, `every` so many seconds, each pause up to `jitter` percent shorter or longer: what programs
/// do, good ones and others.
pub(super) fn beat(random: &mut Random, from: i64, to: i64, every: u64, jitter: u64) -> Vec<i64> {
    let (pause, off) = (every * SECOND as u64, every * SECOND as u64 / 100 * jitter);
    let mut times = Vec::new();
    let mut time = from;
    while time < to {
        times.push(time);
        time += random.between(pause - off, pause + off).max(1) as i64;
    }
    times
}

/// Programs that ask for news every so often, as they do on every network: machines set their clocks, mail programs look
/// for mail, agents report to their maker, and somebody leaves a page open that renews itself.
pub(super) fn regular(clock: Clock, random: &mut Random, tenant: &Tenant) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut ask =
        |random: &mut Random, from: &Host, (to, port, service): (&str, u16, &str), times: &[i64]| {
            for &time in times {
                let udp = port == 123;
                let connection = Connection {
                    from: &from.ip,
                    to,
                    port,
                    proto: if udp { "udp" } else { "tcp" },
                    service,
                    millis: random.between(8, 900),
                    sent: if udp { 48 } else { random.between(500, 2_600) },
                    received: if udp { 48 } else { random.between(300, 9_000) },
                    state: "SF",
                };
                let text = conn_line(random, time, &connection);
                planned.push(Planned { time, text });
            }
        };
    let (servers, workstations) = tenant.windows.split_at(tenant.servers);
    for server in servers {
        let from = clock.at(0, random.below(30) as i64, random.below(60) as i64, 0);
        let times = beat(random, from, clock.end(), 2_048, 8);
        ask(random, server, ("192.0.2.250", 123, "ntp"), &times);
    }
    let monitor = &tenant.host("lx-mon01").ip;
    for server in servers {
        let from = clock.at(0, random.below(10) as i64, random.below(60) as i64, 0);
        let times = beat(random, from, clock.end(), 1_800, 10);
        ask(random, server, (monitor, 8_443, "ssl"), &times);
    }
    for (number, workstation) in workstations.iter().enumerate() {
        if number % 4 == 0 {
            let from = clock.at(7, random.between(0, 59) as i64, random.below(60) as i64, 0);
            let times = beat(random, from, from + 10 * 3600 * SECOND, 600, 30);
            ask(random, workstation, ("192.0.2.251", 443, "ssl"), &times);
        }
        if number % 5 == 1 {
            let from = clock.at(0, random.between(0, 19) as i64, random.below(60) as i64, 0);
            let times = beat(random, from, clock.end(), 1_200, 20);
            ask(random, workstation, ("198.51.100.252", 443, "ssl"), &times);
        }
        if number % 23 == 7 {
            let from = clock.at(9, random.between(0, 59) as i64, random.below(60) as i64, 0);
            let times = beat(random, from, from + 70 * 60 * SECOND, 300, 10);
            let page = format!("203.0.113.{}", 241 + number / 23);
            ask(random, workstation, (&page, 443, "ssl"), &times);
        }
    }
    planned
}

/// A line of `dns.log`.
pub(super) fn dns_line(
    random: &mut Random,
    time: i64,
    from: &str,
    to: &str,
    kind: (&str, u16),
    query: &str,
    answer: Option<&str>,
) -> String {
    let object = Object::new()
        .str("_path", "dns")
        .raw("ts", epoch(time))
        .str("uid", &uid(random))
        .str("id.orig_h", from)
        .raw("id.orig_p", random.between(32_768, 65_000))
        .str("id.resp_h", to)
        .raw("id.resp_p", 53)
        .str("proto", "udp")
        .raw("trans_id", random.below(65_536))
        .raw("rtt", format!("0.0{:05}", random.between(300, 60_000)))
        .str("query", query)
        .raw("qclass", 1)
        .str("qclass_name", "C_INTERNET")
        .raw("qtype", kind.1)
        .str("qtype_name", kind.0)
        .raw("rcode", if answer.is_some() { 0 } else { 3 })
        .str(
            "rcode_name",
            if answer.is_some() { "NOERROR" } else { "NXDOMAIN" },
        )
        .raw("AA", false)
        .raw("TC", false)
        .raw("RD", true)
        .raw("RA", true)
        .raw("Z", 0)
        .raw("rejected", false);
    match answer {
        Some(answer) => object
            .raw("answers", format!("[\"{answer}\"]"))
            .raw("TTLs", format!("[{}.0]", random.between(20, 3600)))
            .end(),
        None => object.end(),
    }
}

/// An ordinary DNS query.
pub(super) fn dns(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let client = tenant.workstation(random).ip.clone();
    let resolver = tenant.windows[random.below(2) as usize].ip.clone();
    let answer = outside(random);
    match random.below(100) {
        0..=64 => {
            let name = random.word(&WINDOWS.domains);
            dns_line(random, time, &client, &resolver, ("A", 1), name, Some(&answer))
        }
        65..=79 => {
            let host: &Host = random.pick(&tenant.windows);
            dns_line(
                random,
                time,
                &client,
                &resolver,
                ("A", 1),
                &host.fqdn.to_lowercase(),
                Some(&host.ip),
            )
        }
        80..=88 => {
            let name = format!("_ldap._tcp.Default-First-Site-Name._sites.{}", tenant.dns);
            let target = tenant.windows[0].fqdn.to_lowercase();
            dns_line(
                random,
                time,
                &client,
                &resolver,
                ("SRV", 33),
                &name,
                Some(&target),
            )
        }
        89..=93 => {
            let name = format!(
                "{}.{}.20.10.in-addr.arpa",
                random.between(20, 70),
                random.between(3, 4)
            );
            let target = tenant.workstation(random).fqdn.to_lowercase();
            dns_line(
                random,
                time,
                &client,
                &resolver,
                ("PTR", 12),
                &name,
                Some(&target),
            )
        }
        94..=95 => {
            let name = *random.pick(&[
                "example.com",
                "selector1._domainkey.example.net",
                "_dmarc.example.org",
                "supplier.example.net",
            ]);
            dns_line(
                random,
                time,
                "10.20.0.17",
                &resolver,
                ("TXT", 16),
                name,
                Some("TXT 28 v=spf1 mx include:example.org"),
            )
        }
        _ => {
            // The browser's look at whether names are made up, and misspelt ones.
            let name = format!("{}.{}", random.hex(10), tenant.dns);
            dns_line(random, time, &client, &resolver, ("A", 1), &name, None)
        }
    }
}

/// A request as `http.log` shows it.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub host: &'a str,
    pub uri: &'a str,
    pub agent: &'a str,
    pub size: u64,
    pub mime: &'a str,
}

/// A line of `http.log`.
pub(super) fn http_line(random: &mut Random, time: i64, request: &Request<'_>) -> String {
    Object::new()
        .str("_path", "http")
        .raw("ts", epoch(time))
        .str("uid", &uid(random))
        .str("id.orig_h", request.from)
        .raw("id.orig_p", random.between(32_768, 65_000))
        .str("id.resp_h", request.to)
        .raw("id.resp_p", 80)
        .raw("trans_depth", 1)
        .str("method", "GET")
        .str("host", request.host)
        .str("uri", request.uri)
        .str("version", "1.1")
        .str("user_agent", request.agent)
        .raw("request_body_len", 0)
        .raw("response_body_len", request.size)
        .raw("status_code", 200)
        .str("status_msg", "OK")
        .raw("tags", "[]")
        .raw("resp_fuids", format!("[\"F{}\"]", random.hex(17)))
        .raw("resp_mime_types", format!("[\"{}\"]", request.mime))
        .end()
}

/// An ordinary request.
pub(super) fn http(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let to = outside(random);
    let (from, host, uri, agent, mime) = match random.below(100) {
        0..=39 => (
            tenant.workstation(random).ip.clone(),
            random
                .pick(&[
                    "ocsp.digicert.com",
                    "crl3.digicert.com",
                    "ctldl.windowsupdate.com",
                ])
                .to_string(),
            format!("/{}.crl", random.hex(8)),
            "Microsoft-CryptoAPI/10.0".to_owned(),
            "application/pkix-crl",
        ),
        40..=69 => (
            random.pick(&tenant.linux).ip.clone(),
            "deb.debian.org".to_owned(),
            format!(
                "/debian/dists/stable/main/binary-amd64/by-hash/SHA256/{}",
                random.hex(64)
            ),
            "Debian APT-HTTP/1.3 (3.0.3)".to_owned(),
            "application/x-xz",
        ),
        _ => (
            tenant.workstation(random).ip.clone(),
            random.word(&WINDOWS.domains).to_owned(),
            random
                .pick(&["/", "/generate_204", "/ncsi.txt", "/index.html"])
                .to_string(),
            random.word(&WEB.agents).to_owned(),
            "text/html",
        ),
    };
    let size = random.between(80, 60_000);
    http_line(
        random,
        time,
        &Request {
            from: &from,
            to: &to,
            host: &host,
            uri: &uri,
            agent: &agent,
            size,
            mime,
        },
    )
}
