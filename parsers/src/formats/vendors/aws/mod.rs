//! Logs of AWS services as lines: load balancers, S3 access, CloudFront, VPC flows.
//!
//! ```text
//! https 2026-03-01T10:00:00.1Z app/web/50dc 192.0.2.4:5000 10.0.0.1:80 0.1 0.2 0.0 200 200 34 366 "GET https://a:443/ HTTP/1.1" "agent" …
//! owner bucket [01/Mar/2026:10:00:00 +0000] 192.0.2.4 requester ID REST.GET.OBJECT key "GET /key HTTP/1.1" 200 - …
//! 2026-03-01<TAB>10:00:00<TAB>LAX1<TAB>392<TAB>192.0.2.4<TAB>GET<TAB>d1.cloudfront.net<TAB>/index.html<TAB>200<TAB>-<TAB>agent<TAB>…
//! 2 123456789012 eni-0a 192.0.2.4 10.0.0.1 5000 443 6 10 4000 1772355600 1772355660 ACCEPT OK
//! ```
//!
//! Columns stand at fixed places; what a client chose is in quotes or has its spaces encoded. Flow logs may have any columns
//! in any order, which only their owner knows: those of the default, of version 3 and of version 5 in the order of the
//! documentation are read.

mod balancers;

use self::balancers::{balancer, connections, network_balancer, request};
use super::super::fields::{Fields, is_nothing};
use super::super::text::{Event, Grammar, Line};
use crate::formats::text::search::Search;
use crate::time;
use crate::value::Value;

/// Asked before marks are sought: the first words decide.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "aws flow log",
        marks: &[],
        programs: &[],
        read: flow,
    },
    Grammar {
        name: "aws load balancer",
        marks: &[],
        programs: &[],
        read: balancer,
    },
    Grammar {
        name: "aws network load balancer",
        marks: &[],
        programs: &[],
        read: network_balancer,
    },
    Grammar {
        name: "aws load balancer, connections",
        marks: &[],
        programs: &[],
        read: connections,
    },
    Grammar {
        name: "aws cloudfront",
        marks: &[],
        programs: &[],
        read: cloudfront,
    },
    Grammar {
        name: "aws s3 access",
        marks: &[],
        programs: &[],
        read: s3,
    },
];

fn event<'a>(dataset: &'static str, time: Option<i64>, fields: Fields<'a>) -> Option<Event<'a>> {
    Some(Event {
        dataset,
        time,
        fields,
        headless: false,
    })
}

/// Words of a line, quoted (also in brackets) or bare.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches(' ');
        let close = match rest.as_bytes().first()? {
            b'"' => Some(b'"'),
            b'[' => Some(b']'),
            _ => None,
        };
        if let Some(close) = close {
            // A quote of the client's own has a backslash, or no space behind it.
            let bytes = rest.as_bytes();
            let end = memchr::memchr_iter(close, &bytes[1..])
                .map(|at| at + 1)
                .find(|&at| bytes[at - 1] != b'\\' && matches!(bytes.get(at + 1), None | Some(b' ')))?;
            self.0 = &rest[end + 1..];
            return Some(&rest[1..end]);
        }
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        self.0 = rest;
        Some(word)
    }
}

const FLOW: [&str; 14] = [
    "",
    "account_id",
    "interface_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log_status",
];
const FLOW_3: [&str; 21] = [
    "",
    "vpc_id",
    "subnet_id",
    "instance_id",
    "interface_id",
    "account_id",
    "type",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "pkt_srcaddr",
    "pkt_dstaddr",
    "protocol",
    "bytes",
    "packets",
    "start",
    "end",
    "action",
    "tcp_flags",
    "log_status",
];
const FLOW_5: [&str; 15] = [
    "vpc_id",
    "subnet_id",
    "instance_id",
    "tcp_flags",
    "type",
    "pkt_srcaddr",
    "pkt_dstaddr",
    "region",
    "az_id",
    "sublocation_type",
    "sublocation_id",
    "pkt_src_aws_service",
    "pkt_dst_aws_service",
    "flow_direction",
    "traffic_path",
];

fn flow<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim();
    let version = match body.as_bytes() {
        [version @ b'2'..=b'9', b' ', ..] => *version,
        _ => return None,
    };
    let second = body.get(2..)?.split(' ').next()?;
    let account = second.len() >= 10 && second.bytes().all(|b| b.is_ascii_digit());
    let mut fields = Fields::with_room(32);
    let mut put = |name: &'static str, cell: &'a str| match name {
        _ if cell == "-" || name.is_empty() => {}
        "start" | "end" => {
            if let Some(instant) = time::since_epoch(cell) {
                fields.push(name, Value::Time(instant));
            }
        }
        "protocol" => fields.transport(cell),
        "log_status" => {
            fields.push(name, Value::Str(cell));
            fields.push("event.outcome", Value::Str(cell));
        }
        _ => fields.push(name, Value::Str(cell)),
    };
    let cells = body.split(' ');
    if second.starts_with("vpc-") {
        FLOW_3.iter().zip(cells).for_each(|(name, cell)| put(name, cell));
    } else if account && (version == b'2' || body.holds(" eni-")) {
        FLOW.iter()
            .chain(&FLOW_5)
            .zip(cells)
            .for_each(|(name, cell)| put(name, cell));
    } else {
        return None;
    }
    let time = match fields.get("start") {
        Some(Value::Time(start)) => *start,
        // Nobody else ends so.
        _ => return None,
    };
    fields.push("message", Value::Str(body));
    event("aws.vpcflow", Some(time), fields)
}

const CLOUDFRONT: [&str; 33] = [
    "",
    "",
    "x_edge_location",
    "destination.bytes",
    "source.ip",
    "http.request.method",
    "url.domain",
    "url.path",
    "http.response.status_code",
    "http.request.referrer",
    "user_agent.original",
    "url.query",
    "cookie",
    "x_edge_result_type",
    "x_edge_request_id",
    "http.request.host",
    "network.protocol",
    "source.bytes",
    "time_taken",
    "network.forwarded_ip",
    "ssl_protocol",
    "tls.cipher",
    "x_edge_response_result_type",
    "http.version",
    "fle_status",
    "fle_encrypted_fields",
    "source.port",
    "time_to_first_byte",
    "x_edge_detailed_result_type",
    "http.response.mime_type",
    "http.request.size",
    "sc_range_start",
    "sc_range_end",
];

fn cloudfront<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.raw.trim_end();
    if body.as_bytes().get(10) != Some(&b'\t') || memchr::memchr_iter(b'\t', body.as_bytes()).count() < 22 {
        return None;
    }
    let (date, rest) = body.split_once('\t')?;
    let clock = rest.split('\t').next()?;
    let stamp = line.keep([date, "T", clock, "Z"].concat());
    let (time, _) = time::iso(stamp, line.context.timezone)?;
    let mut fields = Fields::with_room(40);
    for (name, cell) in CLOUDFRONT.iter().zip(body.split('\t')) {
        match *name {
            "" => {}
            "http.version" => fields.known(name, cell.strip_prefix("HTTP/").unwrap_or(cell)),
            name => fields.known(name, cell),
        }
    }
    fields.push("message", Value::Str(body));
    event("aws.cloudfront", Some(time), fields)
}

fn s3<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.raw.trim_end();
    if !body.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let (head, rest) = body.cut(" [")?;
    let (owner, bucket) = head.split_once(' ')?;
    let is_owner = !owner.is_empty() && owner.bytes().all(|b| b.is_ascii_hexdigit()) && !bucket.contains(' ');
    if !is_owner {
        return None;
    }
    let (stamp, rest) = rest.cut("] ")?;
    let (time, _) = time::apache(stamp, line.context.timezone)?;
    let mut words = Words(rest);
    let mut fields = Fields::with_room(32);
    fields.push("bucket_owner", Value::Str(owner));
    fields.push("bucket", Value::Str(bucket));
    fields.source(words.next()?);
    for name in ["requester", "request_id", "event.action", "key"] {
        fields.known(name, words.next()?);
    }
    let asked = words.next()?;
    if !is_nothing(asked) {
        request(asked, &mut fields);
    }
    for name in [
        "http.response.status_code",
        "event.code",
        "http.response.body.bytes",
        "object_size",
        "total_time",
        "turn_around_time",
        "http.request.referrer",
        "user_agent.original",
        "version_id",
        "host_id",
        "signature_version",
        "tls.cipher",
        "authentication_type",
        "host_header",
        "tls_version",
        "access_point_arn",
        "acl_required",
    ] {
        let Some(word) = words.next() else { break };
        fields.known(name, word);
    }
    fields.push("message", Value::Str(body));
    event("aws.s3access", Some(time), fields)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, fields_of, value};

    #[test]
    fn flows() {
        check(
            "2 123456789012 eni-0a 192.0.2.4 10.0.0.1 5000 443 6 10 4000 1772355600 1772355660 ACCEPT OK",
            &[
                ("event.dataset", "aws.vpcflow"),
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("event.end", "2026-03-01T09:01:00.000Z"),
                ("cloud.account.id", "123456789012"),
                ("source.port", "5000"),
                ("network.transport", "tcp"),
                ("event.outcome", "OK"),
                ("event.action", "ACCEPT"),
            ],
        );
        let event = fields_of("2 123456789012 eni-0a - - - - - - - 1772355600 1772355660 - NODATA");
        assert_eq!(value(&event, "source.ip"), "");
        assert_eq!(value(&event, "event.outcome"), "NODATA");
        assert_ne!(
            value(&fields_of("2 of 3 jobs done"), "event.dataset"),
            "aws.vpcflow"
        );
    }

    #[test]
    fn buckets() {
        check(
            r#"79a5 docs [01/Mar/2026:10:00:00 +0000] 192.0.2.4 - 7ACC REST.GET.OBJECT a/b.html "GET /a/b.html HTTP/1.1" 304 - - 17 10 - "-" "agent" -"#,
            &[
                ("event.dataset", "aws.s3access"),
                ("source.ip", "192.0.2.4"),
                ("event.action", "REST.GET.OBJECT"),
                ("aws.s3access.key", "a/b.html"),
                ("user_agent.original", "agent"),
            ],
        );
    }
}
