//! Lines of TSV logs that came without their header: collectors send them one by one.
//!
//! ```text
//! 1772355600.250000⇥Cabc…⇥10.0.0.5⇥51000⇥203.0.113.9⇥443⇥tcp⇥ssl⇥0.25⇥…
//! ```
//!
//! Every line begins with its time, to the microsecond; the number of columns and a few of them, which say what nothing
//! else says in their places, tell the log and its version. Only logs that a fresh Zeek (or Bro) writes so are known, and
//! the columns are trusted: a site that added some needs the header.

use std::net::IpAddr;
use std::sync::LazyLock;

use super::ZeekHeader;

/// `ts`, `uid` and the four of `id`.
const CONNECTION: &str = "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p";
const CONNECTION_TYPES: &str = "time\tstring\taddr\tport\taddr\tport";

/// A log as some version writes it: its path, its columns behind those of the connection (if it has these), their types.
struct Form {
    path: &'static str,
    connected: bool,
    fields: &'static str,
    types: &'static str,
}

const fn form(path: &'static str, connected: bool, fields: &'static str, types: &'static str) -> Form {
    Form {
        path,
        connected,
        fields,
        types,
    }
}

/// Newest first; of one path, each has another number of columns.
const FORMS: [Form; 10] = [
    form(
        "conn",
        true,
        "proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents",
        "enum string interval count count string bool bool count string count count count count set[string]",
    ),
    form(
        "conn",
        true,
        "proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents orig_l2_addr resp_l2_addr",
        "enum string interval count count string bool bool count string count count count count set[string] string string",
    ),
    form(
        "conn",
        true,
        "proto service duration orig_bytes resp_bytes conn_state local_orig missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents",
        "enum string interval count count string bool count string count count count count set[string]",
    ),
    form(
        "dns",
        true,
        "proto trans_id rtt query qclass qclass_name qtype qtype_name rcode rcode_name AA TC RD RA Z answers TTLs rejected",
        "enum count interval string count string count string count string bool bool bool bool count vector[string] vector[interval] bool",
    ),
    form(
        "dns",
        true,
        "proto trans_id query qclass qclass_name qtype qtype_name rcode rcode_name AA TC RD RA Z answers TTLs rejected",
        "enum count string count string count string count string bool bool bool bool count vector[string] vector[interval] bool",
    ),
    form(
        "http",
        true,
        "trans_depth method host uri referrer version user_agent origin request_body_len response_body_len status_code status_msg info_code info_msg tags username password proxied orig_fuids orig_filenames orig_mime_types resp_fuids resp_filenames resp_mime_types",
        "count string string string string string string string count count count string count string set[enum] string string set[string] vector[string] vector[string] vector[string] vector[string] vector[string] vector[string]",
    ),
    form(
        "http",
        true,
        "trans_depth method host uri referrer version user_agent request_body_len response_body_len status_code status_msg info_code info_msg tags username password proxied orig_fuids orig_filenames orig_mime_types resp_fuids resp_filenames resp_mime_types",
        "count string string string string string string count count count string count string set[enum] string string set[string] vector[string] vector[string] vector[string] vector[string] vector[string] vector[string]",
    ),
    form(
        "http",
        true,
        "trans_depth method host uri referrer user_agent request_body_len response_body_len status_code status_msg info_code info_msg filename tags username password proxied orig_fuids orig_mime_types resp_fuids resp_mime_types",
        "count string string string string string count count count string count string string set[enum] string string set[string] vector[string] vector[string] vector[string] vector[string]",
    ),
    form(
        "files",
        false,
        "ts fuid tx_hosts rx_hosts conn_uids source depth analyzers mime_type filename duration local_orig is_orig seen_bytes total_bytes missing_bytes overflow_bytes timedout parent_fuid md5 sha1 sha256 extracted extracted_cutoff extracted_size",
        "time string set[addr] set[addr] set[string] string count set[string] string string interval bool bool count count count count bool string string string string string bool count",
    ),
    form(
        "files",
        false,
        "ts fuid tx_hosts rx_hosts conn_uids source depth analyzers mime_type filename duration local_orig is_orig seen_bytes total_bytes missing_bytes overflow_bytes timedout parent_fuid md5 sha1 sha256 extracted",
        "time string set[addr] set[addr] set[string] string count set[string] string string interval bool bool count count count count bool string string string string string",
    ),
];

static HEADERS: LazyLock<Vec<ZeekHeader>> = LazyLock::new(|| FORMS.iter().map(Form::header).collect());

impl Form {
    fn header(&self) -> ZeekHeader {
        let mut header = ZeekHeader::default();
        let line = |name: &str, common: &str, rest: &str| {
            let mut line = String::from(name);
            if self.connected {
                line.push('\t');
                line.push_str(common);
            }
            for field in rest.split(' ') {
                line.push('\t');
                line.push_str(field);
            }
            line
        };
        header.push(&format!("#path\t{}", self.path));
        header.push(&line("#fields", CONNECTION, self.fields));
        header.push(&line("#types", CONNECTION_TYPES, self.types));
        header
    }
}

/// The header that a line without one would have had.
pub(in crate::formats) fn header_of_bare_line(line: &str) -> Option<&'static ZeekHeader> {
    let line = line.trim_end_matches(['\n', '\r']);
    let bytes = line.as_bytes();
    // Ten digits of seconds until the year 2286, and six behind the point.
    if bytes.get(10) != Some(&b'.') || bytes.get(17) != Some(&b'\t') {
        return None;
    }
    let is_time = bytes[..17]
        .iter()
        .enumerate()
        .all(|(at, byte)| at == 10 || byte.is_ascii_digit());
    if !is_time {
        return None;
    }
    let cells: Vec<&str> = line.split('\t').collect();
    HEADERS
        .iter()
        .zip(&FORMS)
        .find(|(header, form)| header.names().len() == cells.len() && form.holds(&cells))
        .map(|(header, _)| header)
}

impl Form {
    /// Whether the cells, of the right number, say what they must in their places.
    fn holds(&self, cells: &[&str]) -> bool {
        let is_id = |text: &str, first: u8| {
            (8..=24).contains(&text.len())
                && text.as_bytes()[0] == first
                && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let is_number = |text: &str| text == "-" || text.bytes().all(|b| b.is_ascii_digit());
        let is_flag = |text: &str| matches!(text, "T" | "F" | "-");
        if !self.connected {
            // Flags, and the numbers of bytes behind them.
            return is_id(cells[1], b'F')
                && is_number(cells[6])
                && is_flag(cells[11])
                && is_flag(cells[12])
                && cells[13..17].iter().all(|cell| is_number(cell))
                && is_flag(cells[17]);
        }
        let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
        let connection = (8..=24).contains(&cells[1].len())
            && cells[1].bytes().all(|b| b.is_ascii_alphanumeric())
            && is_address(cells[2])
            && is_number(cells[3])
            && is_address(cells[4])
            && is_number(cells[5]);
        let is_transport = matches!(cells[6], "tcp" | "udp" | "icmp" | "unknown_transport");
        connection
            && match self.path {
                "conn" => {
                    let state = cells[11];
                    let is_state = state == "OTH" || state.len() <= 6 && state.starts_with(['S', 'R']);
                    let counts = if self.fields.contains(" local_resp ") {
                        16
                    } else {
                        15
                    };
                    is_transport
                        && is_state
                        && is_flag(cells[12])
                        && cells[counts..counts + 4].iter().all(|cell| is_number(cell))
                }
                "dns" => {
                    let flags = cells.len() - 8;
                    is_transport
                        && is_number(cells[7])
                        && cells[flags..flags + 4].iter().all(|cell| is_flag(cell))
                }
                // Only there is a number behind the connection.
                _ => is_number(cells[6]) && cells[6] != "-",
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(line: &str) -> Option<(&'static str, usize)> {
        header_of_bare_line(line).map(|header| (header.path(), header.names().len()))
    }

    const IDS: &str = "1772355600.250000\tCabcdefgh12345678\t10.0.0.5\t51000\t203.0.113.9\t443";

    #[test]
    fn forms_have_a_type_for_every_field() {
        for form in &FORMS {
            assert_eq!(
                form.fields.split(' ').count(),
                form.types.split(' ').count(),
                "{}",
                form.path
            );
        }
    }

    #[test]
    fn lines_are_known_by_their_columns() {
        let conn = format!("{IDS}\ttcp\tssl\t0.5\t10\t20\tSF\tT\tF\t0\tShADadFf\t3\t100\t4\t200\t-");
        assert_eq!(path(&conn), Some(("conn", 21)));
        let macs = format!("{conn}\t00:00:5e:00:53:01\t00:00:5e:00:53:02");
        assert_eq!(path(&macs), Some(("conn", 23)));
        let old = format!("{IDS}\ttcp\tssl\t0.5\t10\t20\tSF\tT\t0\tShADadFf\t3\t100\t4\t200\t(empty)");
        assert_eq!(path(&old), Some(("conn", 20)));
        let dns = format!(
            "{IDS}\tudp\t7\t0.01\ta.example\t1\tC_INTERNET\t1\tA\t0\tNOERROR\tF\tF\tT\tT\t0\t192.0.2.1\t60.0\tF"
        );
        assert_eq!(path(&dns), Some(("dns", 24)));
        let http = format!(
            "{IDS}\t1\tGET\ta.example\t/x\t-\t1.1\tcurl/8\t-\t0\t5\t200\tOK\t-\t-\t(empty)\t-\t-\t-\t-\t-\t-\t-\t-\ttext/plain"
        );
        assert_eq!(path(&http), Some(("http", 30)));
        let files = "1772355600.250000\tFabcdefgh12345678\t192.0.2.1\t10.0.0.5\tCabcdefgh12345678\tHTTP\t0\tMD5\ttext/plain\t-\t0.1\t-\tF\t10\t10\t0\t0\tF\t-\t-\t-\t-\t-";
        assert_eq!(path(files), Some(("files", 23)));
    }

    #[test]
    fn other_lines_are_not() {
        let conn = format!("{IDS}\ttcp\tssl\t0.5\t10\t20\tSF\tT\tF\t0\tShADadFf\t3\t100\t4\t200\t-");
        for line in [
            "",
            "1772355600.250000",
            "1772355600.250000\tx",
            &conn[..conn.len() - 4],
            &conn.replace("\tSF\t", "\tyes\t"),
            &conn.replace("10.0.0.5", "a.example"),
            &conn.replace('\t', " "),
            &conn.replacen("1772355600", "17723x5600", 1),
        ] {
            assert_eq!(path(line), None, "{line}");
        }
    }
}
