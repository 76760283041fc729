//! What no rule for a single event sees: connections as all others, of which only the rhythm or the sum is odd.

use super::super::clock::{Clock, SECOND};
use super::super::network::{self, Connection, beat};
use super::super::random::Random;
use super::super::world::Tenant;
use super::{Plan, file};

/// `beacon_to_address_of_few`.
const BEACON_RULE: &str = "60884379-48f2-4251-83f3-8c9c8da602a8";
/// `more_sent_out_than_peers`.
const THEFT_RULE: &str = "2e0fd222-8cbd-4d06-84f0-7cf681549a2d";

/// Adds the manufacturer's quiet attacks.
pub(super) fn plan(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
    call_backs(plan, clock, random, acme);
    slow_theft(plan, clock, random, acme);
}

fn call_backs(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
    plan.begin(
        "acme",
        "beacon",
        "Implant calls back over HTTPS",
        "A program asks its controller for orders about every seven minutes, never twice at the same pause. Each connection looks like a page that is opened.",
        &["T1071.001", "T1573"],
        &[BEACON_RULE],
    );
    let (infected, controller) = (acme.host("WS-058"), "203.0.113.240");
    plan.about(&[&infected.ip, controller]);
    let times = beat(random, clock.at(8, 23, 41, 0), clock.end(), 7 * 60, 30);
    for time in times {
        // The network loses some, and notebooks sleep.
        if random.chance(4) {
            continue;
        }
        let connection = Connection {
            from: &infected.ip,
            to: controller,
            port: 443,
            proto: "tcp",
            service: "ssl",
            millis: random.between(90, 1_400),
            sent: random.between(900, 2_400),
            received: random.between(700, 5_200),
            state: "SF",
        };
        let text = network::conn_line(random, time, &connection);
        plan.add(file::ACME_CONN, time, None, text);
    }
}

fn slow_theft(plan: &mut Plan, clock: Clock, random: &mut Random, acme: &Tenant) {
    plan.begin(
        "acme",
        "slow-exfiltration",
        "Drawings copied out in small pieces",
        "A workstation sends files to a storage service from noon on, a few megabytes at a time, none of them larger than a mail with pictures.",
        &["T1567.002", "T1048"],
        &[THEFT_RULE],
    );
    let workstation = acme.host("WS-063");
    plan.about(&[&workstation.ip]);
    let mut time = clock.at(12, 4, 17, 0);
    while time < clock.at(18, 50, 0, 0) {
        let connection = Connection {
            from: &workstation.ip,
            to: "198.51.100.247",
            port: 443,
            proto: "tcp",
            service: "ssl",
            millis: random.between(2_000, 40_000),
            sent: random.between(900_000, 4_200_000),
            received: random.between(4_000, 60_000),
            state: "SF",
        };
        let text = network::conn_line(random, time, &connection);
        plan.add(file::ACME_CONN, time, None, text);
        time += random.between(20, 500) as i64 * SECOND;
    }
}
