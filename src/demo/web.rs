//! The access log of a web shop's nginx, in the combined form.

use super::clock;
use super::random::Random;
use super::world::{Tenant, User, WEB, fill, outside};

/// A line: who asked for what (method and target), what came back (status and bytes), referrer and browser.
pub(super) fn line(
    time: i64,
    from: &str,
    (method, target): (&str, &str),
    (status, size): (u16, u64),
    referrer: &str,
    agent: &str,
) -> String {
    let at = clock::format(time, "%d/%b/%Y:%H:%M:%S +0000");
    format!("{from} - - [{at}] \"{method} {target} HTTP/1.1\" {status} {size} \"{referrer}\" \"{agent}\"")
}

/// An ordinary request: mostly customers, some scanners who find nothing.
pub(super) fn access(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let from = outside(random);
    if random.chance(3) {
        let probe = random.word(&WEB.probes);
        let status = if random.chance(85) { 404 } else { 403 };
        return line(
            time,
            &from,
            ("GET", probe),
            (status, 162),
            "-",
            random.word(&WEB.agents[..5]),
        );
    }
    if random.chance(4) {
        return line(
            time,
            &tenant.linux[9].ip,
            ("GET", "/health"),
            (200, 2),
            "-",
            "kube-probe/1.33",
        );
    }
    let nobody = User {
        name: String::new(),
        sid: String::new(),
    };
    let path = fill(random.word(&WEB.paths), &nobody, random);
    let method = if path.contains("session") || path.contains("cart") || path == "/login" {
        "POST"
    } else {
        "GET"
    };
    let status = match random.below(100) {
        0..=87 => 200,
        88..=93 => 304,
        94..=96 => 302,
        97..=98 => 404,
        _ => 500,
    };
    let size = if status == 200 {
        random.between(180, 48_000)
    } else {
        0
    };
    let referrer = random.word(&WEB.referrers).to_owned();
    line(
        time,
        &from,
        (method, &path),
        (status, size),
        &referrer,
        random.word(&WEB.agents[..7]),
    )
}
