//! Flow records: NetFlow 5, NetFlow 9 (RFC 3954) and IPFIX (RFC 7011) as exporters send them.
//!
//! [`packets`] cuts a source into sets with their templates; here each record of a set becomes an event of
//! `network.netflow`. Fields have IANA's names, which the catalog maps; the time of an event is that of its export, and when
//! the flow began and ended are `event.start` and `event.end`, whichever clock the exporter used. Records about the
//! exporter itself (options) are events too, told by `netflow.record: options`.

mod elements;
mod packets;
#[cfg(test)]
mod tests;
mod together;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::Ipv6Addr;

use super::{EventSink, FrameContext, Reject, commit, pinned_or};
use crate::batch::BatchBuilder;
use crate::explain::hexadecimal;
use crate::time::rfc3339;
use crate::value::Value;
use elements::{Kind, element};
pub(crate) use packets::{Packet, Packets, looks_like};
use packets::{SetHeader, u16_at, u32_at};

/// Enterprise number under which RFC 5103 has the fields of the other direction.
const REVERSE: u32 = 29305;
/// Length of a field that says itself how long it is.
const VARIABLE: u16 = u16::MAX;
/// Seconds from 1900 to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;
/// The year 10000 in microseconds since the epoch.
const END_OF_TIME: i64 = 253_402_300_800_000_000;
/// Longer values are cut off.
const MAX_VALUE: usize = 4096;

/// The records of NetFlow 5 as a template: element and length of each field.
const V5: &[(u16, u16)] = &[
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 2),
    (14, 2),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (210, 1),
    (6, 1),
    (4, 1),
    (5, 1),
    (16, 2),
    (17, 2),
    (9, 1),
    (13, 1),
    (210, 2),
];

/// What stands in the places of [`V5`] that only fill up, in the packets of exporters that sample.
const V5_SAMPLING: &[(usize, u16)] = &[(11, 35), (19, 34)];

/// One field of a template.
#[derive(Debug, Clone)]
struct Field {
    name: Cow<'static, str>,
    kind: Kind,
    /// [`VARIABLE`]: the record says.
    length: u16,
    role: Role,
}

/// What a field means besides its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Nothing.
    Plain,
    /// It only fills a record up.
    Padding,
    /// The number of the protocol.
    Protocol,
    /// When the flow began or ended, whichever clock the exporter used.
    Instant,
}

/// Writes an event for each record of a set to `sink`.
///
/// # Errors
///
/// `not_netflow` if `frame` is no set with its template, `no_dataset`.
pub(crate) fn decode(frame: &[u8], context: &FrameContext<'_>, sink: &mut EventSink) -> Result<(), Reject> {
    let broken = || {
        Reject::new(
            "not_netflow",
            "no set of flow records; name another format with --format",
        )
    };
    let (header, rest) = SetHeader::read(frame).ok_or_else(broken)?;
    let length = usize::from(header.fields) * 8;
    let (template, records) = rest.split_at_checked(length).ok_or_else(broken)?;
    let known = sink.flows.take().filter(|flows| flows.are_of(header, template));
    let mut flows = known.unwrap_or_else(|| Box::new(Flows::new(header, template)));
    let result = decode_set(header, &mut flows, records, context, sink);
    sink.flows = Some(flows);
    result
}

/// What the records of the last template are: sets of the same follow each other.
pub(super) struct Flows {
    header: SetHeader,
    template: Vec<u8>,
    fields: Vec<Field>,
    plan: Option<together::Plan>,
}

impl Flows {
    fn new(header: SetHeader, template: &[u8]) -> Self {
        let fields: Vec<Field> = match header.version {
            5 => V5
                .iter()
                .enumerate()
                .map(
                    |(at, &(number, length))| match V5_SAMPLING.iter().find(|(place, _)| *place == at) {
                        Some((_, number)) if header.template > 0 => field(*number, length, 0, false),
                        _ => field(number, length, 0, false),
                    },
                )
                .collect(),
            _ => fields_of(header, template),
        };
        Flows {
            header,
            template: template.to_vec(),
            fields,
            plan: None,
        }
    }

    /// Whether a set with this template has such records.
    fn are_of(&self, header: SetHeader, template: &[u8]) -> bool {
        let kind = |header: SetHeader| (header.version, header.scopes, header.template > 0);
        kind(self.header) == kind(header) && self.template == template
    }
}

fn decode_set(
    header: SetHeader,
    flows: &mut Flows,
    mut records: &[u8],
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let Flows { fields, plan, .. } = flows;
    // Sets are filled up to a multiple of four bytes; a record of nothing would never end.
    let least: usize = fields.iter().map(Field::least).sum();
    if least == 0 {
        return Err(Reject::new("not_netflow", "a template of nothing"));
    }
    let dataset = pinned_or("network.netflow", context, sink)?;
    if together::write(header, fields, plan, records, context, sink.begin(&dataset)) {
        return Ok(());
    }
    let mut text = String::new();
    let mut index = 0;
    while records.len() >= least {
        let builder = sink.begin(&dataset);
        let Some(after) = record(header, fields, records, builder, &mut text) else {
            break;
        };
        let size = records.len() - after.len();
        let time = i64::from(header.exported) * 1_000_000;
        commit(builder, context, &records[..size], index, Some(time));
        index += 1;
        records = after;
    }
    match index {
        0 => Err(Reject::new("not_netflow", "a set without a whole record")),
        _ => Ok(()),
    }
}

/// A set in words: what its records are, and their first bytes.
pub(crate) fn describe(frame: &[u8]) -> Option<String> {
    let (header, rest) = SetHeader::read(frame)?;
    let (_, records) = rest.split_at_checked(usize::from(header.fields) * 8)?;
    let kind = match header.version {
        5 => "NetFlow 5".to_owned(),
        10 => format!("IPFIX, template {} of {} fields", header.template, header.fields),
        version => format!(
            "NetFlow {version}, template {} of {} fields",
            header.template, header.fields
        ),
    };
    Some(format!(
        "{kind}, from {}, packet {}: {} bytes of records: {}",
        header.domain,
        header.sequence,
        records.len(),
        hexadecimal(records)
    ))
}

fn fields_of(header: SetHeader, template: &[u8]) -> Vec<Field> {
    let v9_scopes = match header.scopes & 0x8000 {
        0 => 0,
        _ => usize::from(header.scopes & 0x7fff),
    };
    let fields = template.chunks_exact(8).enumerate();
    fields
        .map(|(at, bytes)| {
            let number = u16_at(bytes, 0).unwrap_or_default();
            let length = u16_at(bytes, 2).unwrap_or_default();
            let enterprise = u32_at(bytes, 4).unwrap_or_default();
            field(number, length, enterprise, at < v9_scopes)
        })
        .collect()
}

fn field(number: u16, length: u16, enterprise: u32, v9_scope: bool) -> Field {
    let (name, kind) = match (enterprise, v9_scope) {
        (_, true) => {
            let name = match number {
                1 => "scopeSystem",
                2 => "scopeInterface",
                3 => "scopeLineCard",
                4 => "scopeCache",
                _ => "scopeTemplate",
            };
            (Cow::Borrowed(name), Kind::Number)
        }
        (0, _) => match element(number) {
            Some((name, kind)) => (Cow::Borrowed(name), kind),
            None => (Cow::Owned(format!("element_{number}")), Kind::Octets),
        },
        (REVERSE, _) => match element(number) {
            Some((name, kind)) => {
                let (first, rest) = name.split_at(1);
                (Cow::Owned(format!("reverse{}{rest}", first.to_uppercase())), kind)
            }
            None => (Cow::Owned(format!("reverse_element_{number}")), Kind::Octets),
        },
        _ => (
            Cow::Owned(format!("enterprise_{enterprise}_{number}")),
            Kind::Octets,
        ),
    };
    let is_time = matches!(kind, Kind::Seconds | Kind::Millis | Kind::Ntp | Kind::Uptime);
    let flow = name.strip_prefix("flow").filter(|_| is_time);
    let (name, role) = match (&*name, flow) {
        (_, Some(rest)) if rest.starts_with("Start") => (Cow::Borrowed("event.start"), Role::Instant),
        (_, Some(rest)) if rest.starts_with("End") => (Cow::Borrowed("event.end"), Role::Instant),
        ("paddingOctets", _) => (name, Role::Padding),
        ("protocolIdentifier", _) => (name, Role::Protocol),
        _ => (name, Role::Plain),
    };
    Field {
        name,
        kind,
        length,
        role,
    }
}

impl Field {
    /// Bytes that it takes at least.
    fn least(&self) -> usize {
        match self.length {
            VARIABLE => 1,
            length => usize::from(length),
        }
    }
}

/// Writes one record; gives what follows it. `None`: the bytes end inside it.
fn record<'r>(
    header: SetHeader,
    fields: &[Field],
    mut rest: &'r [u8],
    builder: &mut BatchBuilder,
    text: &mut String,
) -> Option<&'r [u8]> {
    for field in fields {
        let length = match field.length {
            VARIABLE => {
                let (&first, after) = rest.split_first()?;
                rest = after;
                match first {
                    255 => {
                        let length = u16_at(rest, 0)?;
                        rest = &rest[2..];
                        usize::from(length)
                    }
                    length => usize::from(length),
                }
            }
            length => usize::from(length),
        };
        let (bytes, after) = rest.split_at_checked(length)?;
        rest = after;
        if !bytes.is_empty() && field.role != Role::Padding {
            write_field(header, field, bytes, builder, text);
        }
    }
    if header.scopes & 0x7fff > 0 {
        builder.field("record", Value::Str("options"));
    }
    Some(rest)
}

fn write_field(
    header: SetHeader,
    field: &Field,
    bytes: &[u8],
    builder: &mut BatchBuilder,
    text: &mut String,
) {
    let name = &*field.name;
    text.clear();
    match field.kind {
        Kind::Number | Kind::Flag if bytes.len() <= 8 => {
            let number = number(bytes);
            match i64::try_from(number) {
                Ok(number) => builder.field(name, Value::Int(number)),
                Err(_) => {
                    let _ = write!(text, "{number}");
                    builder.field(name, Value::Str(text));
                }
            }
            if field.role == Role::Protocol
                && let Some(transport) = transport(number)
            {
                builder.field("network.transport", Value::Str(transport));
            }
            return;
        }
        Kind::Signed if bytes.len() <= 8 => {
            let unused = 64 - 8 * bytes.len() as u32;
            let number = ((number(bytes) << unused) as i64) >> unused;
            return builder.field(name, Value::Int(number));
        }
        Kind::Float if bytes.len() == 4 => {
            let number = f32::from_bits(number(bytes) as u32);
            return builder.field(name, Value::Float(f64::from(number)));
        }
        Kind::Float if bytes.len() == 8 => {
            return builder.field(name, Value::Float(f64::from_bits(number(bytes))));
        }
        Kind::Address if bytes.len() == 4 => {
            for (at, octet) in bytes.iter().enumerate() {
                if at > 0 {
                    text.push('.');
                }
                push_octet(text, *octet);
            }
        }
        Kind::Address if bytes.len() == 16 => {
            let octets: [u8; 16] = bytes.try_into().unwrap_or_default();
            let _ = write!(text, "{}", Ipv6Addr::from(octets));
        }
        Kind::Mac if bytes.len() == 6 => {
            for (at, byte) in bytes.iter().enumerate() {
                let _ = write!(text, "{}{byte:02x}", if at == 0 { "" } else { ":" });
            }
        }
        Kind::Text => {
            let bytes = bounded(name, bytes, builder);
            let value = String::from_utf8_lossy(bytes);
            let value = value.trim_end_matches('\0');
            if !value.is_empty() {
                builder.field(name, Value::Str(value));
            }
            return;
        }
        Kind::Seconds | Kind::Millis | Kind::Ntp | Kind::Uptime if bytes.len() <= 8 => {
            let Some(instant) = instant(header, field.kind, bytes) else {
                return;
            };
            if field.role == Role::Instant && (0..END_OF_TIME).contains(&instant) {
                return builder.field(name, Value::Time(instant));
            }
            let Some(instant) = rfc3339(instant) else {
                return;
            };
            return builder.field(name, Value::Str(&instant));
        }
        _ => {
            for byte in bounded(name, bytes, builder) {
                let _ = write!(text, "{byte:02x}");
            }
        }
    }
    builder.field(name, Value::Str(text));
}

/// At most [`MAX_VALUE`] of `bytes`; the event says whose value is cut off, and how long it was.
fn bounded<'b>(name: &str, bytes: &'b [u8], builder: &mut BatchBuilder) -> &'b [u8] {
    if bytes.len() <= MAX_VALUE {
        return bytes;
    }
    builder.field("error.type", Value::Str("truncated"));
    let detail = format!("{name}: {} of {} bytes", MAX_VALUE, bytes.len());
    builder.field_if_absent("error.message", Value::Str(&detail));
    &bytes[..MAX_VALUE]
}

/// Writes a number of up to three digits.
fn push_octet(text: &mut String, octet: u8) {
    if octet >= 100 {
        text.push(char::from(b'0' + octet / 100));
    }
    if octet >= 10 {
        text.push(char::from(b'0' + octet / 10 % 10));
    }
    text.push(char::from(b'0' + octet % 10));
}

/// Microseconds since the epoch.
fn instant(header: SetHeader, kind: Kind, bytes: &[u8]) -> Option<i64> {
    let number = number(bytes);
    Some(match kind {
        Kind::Seconds => i64::try_from(number).ok()?.checked_mul(1_000_000)?,
        Kind::Millis => i64::try_from(number).ok()?.checked_mul(1000)?,
        Kind::Ntp => {
            let seconds = i64::try_from(number >> 32).ok()? - NTP_EPOCH;
            seconds * 1_000_000 + (((number & 0xffff_ffff) * 1_000_000) >> 32) as i64
        }
        _ => {
            // The clock of milliseconds starts anew after 49 days.
            let ago = header.uptime.wrapping_sub(number as u32) as i32;
            i64::from(header.exported) * 1_000_000 - i64::from(ago) * 1000
        }
    })
}

/// At most eight bytes, big-endian.
fn number(bytes: &[u8]) -> u64 {
    match *bytes {
        [a] => return u64::from(a),
        [a, b] => return u64::from(u16::from_be_bytes([a, b])),
        [a, b, c, d] => return u64::from(u32::from_be_bytes([a, b, c, d])),
        _ => {}
    }
    bytes
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn transport(protocol: u64) -> Option<&'static str> {
    Some(match protocol {
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        17 => "udp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "ipv6-icmp",
        89 => "ospf",
        112 => "vrrp",
        132 => "sctp",
        _ => return None,
    })
}
