//! The lines of each workload: templates whose `{…}` the [world](super::world) fills.
//!
//! Line forms, not values, are what real logs repeat: `{n}` before a template is how many of a hundred lines have
//! its form.

use super::world::World;

/// A form of line and its share.
type Form = (u32, &'static str);

/// sshd, PAM and sudo as an authentication log has them; forms as in `data/samples/auth.log`.
pub const AUTH: &[Form] = &[
    (
        30,
        "{bsd} {host} sshd[{pid}]: Failed password for {user} from {outside} port {port} ssh2",
    ),
    (
        10,
        "{bsd} {host} sshd[{pid}]: Failed password for invalid user {user} from {outside} port {port} ssh2",
    ),
    (
        8,
        "{bsd} {host} sshd[{pid}]: Invalid user {user} from {outside} port {port}",
    ),
    (
        8,
        "{bsd} {host} sshd[{pid}]: Connection closed by authenticating user {user} {outside} port {port} [preauth]",
    ),
    (
        10,
        "{bsd} {host} sshd[{pid}]: Accepted publickey for {user} from {inside} port {port} ssh2: ED25519 SHA256:{base43}",
    ),
    (
        10,
        "{bsd} {host} sshd[{pid}]: pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)",
    ),
    (
        8,
        "{bsd} {host} sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}",
    ),
    (
        8,
        "{bsd} {host} sudo:   {user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/systemctl restart app{small}",
    ),
    (
        4,
        "{bsd} {host} sudo: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1000)",
    ),
    (
        4,
        "{bsd} {host} CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
    ),
];

/// Cisco ASA over syslog.
pub const ASA: &[Form] = &[
    (
        32,
        "<166>{bsd} {host} %ASA-6-302013: Built outbound TCP connection {serial} for outside:{outside}/{service} ({outside}/{service}) to inside:{inside}/{port} ({inside}/{port})",
    ),
    (
        30,
        "<166>{bsd} {host} %ASA-6-302014: Teardown TCP connection {serial} for outside:{outside}/{service} to inside:{inside}/{port} duration {hms} bytes {large} TCP FINs",
    ),
    (
        10,
        "<166>{bsd} {host} %ASA-6-302015: Built outbound UDP connection {serial} for outside:{outside}/53 ({outside}/53) to inside:{inside}/{port} ({inside}/{port})",
    ),
    (
        10,
        "<166>{bsd} {host} %ASA-6-302016: Teardown UDP connection {serial} for outside:{outside}/53 to inside:{inside}/{port} duration {hms} bytes {size}",
    ),
    (
        10,
        "<164>{bsd} {host} %ASA-4-106023: Deny tcp src outside:{outside}/{port} dst inside:{inside}/{service} by access-group \"outside_in\" [0x{hex8}, 0x0]",
    ),
    (
        5,
        "<166>{bsd} {host} %ASA-6-305011: Built dynamic TCP translation from inside:{inside}/{port} to outside:{outside}/{port}",
    ),
    (
        3,
        "<166>{bsd} {host} %ASA-6-113004: AAA user authentication Successful : server =  {inside} : user = {user}",
    ),
];

/// Apache's combined log; forms as in `data/samples/access.log`.
pub const ACCESS: &[Form] = &[
    (
        70,
        "{outside} - - [{apache}] \"GET {path} HTTP/1.1\" 200 {size} \"https://shop.example.com{path}\" \"{agent}\"",
    ),
    (
        15,
        "{outside} - - [{apache}] \"GET {path} HTTP/1.1\" 304 0 \"-\" \"{agent}\"",
    ),
    (
        8,
        "{outside} - - [{apache}] \"POST {path} HTTP/1.1\" 201 {size} \"https://shop.example.com{path}\" \"{agent}\"",
    ),
    (
        5,
        "{outside} - - [{apache}] \"GET {path} HTTP/1.1\" 404 {small} \"-\" \"{agent}\"",
    ),
    (
        2,
        "{outside} - {user} [{apache}] \"GET {path} HTTP/1.1\" 403 {small} \"-\" \"{agent}\"",
    ),
];

/// FortiGate's key=value pairs.
pub const FORTIGATE: &[Form] = &[
    (
        80,
        "<189>date={date} time={clock} devname=\"{host}\" devid=\"FG100FTK20001234\" eventtime={epochns} tz=\"+0000\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip={inside} srcport={port} srcintf=\"lan\" srcintfrole=\"lan\" dstip={outside} dstport={service} dstintf=\"wan1\" dstintfrole=\"wan\" srccountry=\"Reserved\" dstcountry=\"Germany\" sessionid={serial} proto=6 action=\"close\" policyid={small} policytype=\"policy\" poluuid=\"707a0d88-c972-51e7-bbc7-4d421660557b\" service=\"HTTPS\" trandisp=\"snat\" transip=198.51.100.7 transport={port} duration={small} sentbyte={size} rcvdbyte={large} sentpkt={small} rcvdpkt={small} appcat=\"unscanned\"",
    ),
    (
        20,
        "<190>date={date} time={clock} devname=\"{host}\" devid=\"FG100FTK20001234\" eventtime={epochns} tz=\"+0000\" logid=\"0317013312\" type=\"utm\" subtype=\"webfilter\" eventtype=\"ftgd_allow\" level=\"notice\" vd=\"root\" policyid={small} sessionid={serial} srcip={inside} srcport={port} srcintf=\"lan\" dstip={outside} dstport=443 dstintf=\"wan1\" proto=6 service=\"HTTPS\" hostname=\"{domain}\" profile=\"default\" action=\"passthrough\" reqtype=\"direct\" url=\"https://{domain}{path}\" sentbyte={size} rcvdbyte={size} direction=\"outgoing\" msg=\"URL belongs to an allowed category in policy\" method=\"domain\" cat=52 catdesc=\"Information Technology\"",
    ),
];

/// ArcSight's Common Event Format.
pub const CEF: &[Form] = &[
    (
        60,
        "<134>{bsd} {host} CEF:0|Acme|Gate|4.2|100|Connection denied|5|rt={epochms} src={inside} spt={port} dst={outside} dpt={service} proto=TCP act=deny dvchost={host} suser={user} cs1Label=Rule cs1=rule-{small} cn1Label=Count cn1={small} in={size} out={size} msg=Connection refused by policy",
    ),
    (
        40,
        "<134>{bsd} {host} CEF:0|Acme|Gate|4.2|200|Web request|3|rt={epochms} src={inside} spt={port} dst={outside} dpt=443 request=https://{domain}{path} requestMethod=GET requestClientApplication={agent} suser={user} act=allow outcome=success in={size} out={large} cs1Label=Category cs1=news cnt=1",
    ),
];

/// Values separated by commas behind one line of names, as exports have them.
pub const CSV_HEADER: &str = "timestamp,host.name,source.ip,source.port,destination.ip,destination.port,network.transport,user.name,event.action,event.outcome,source.bytes,destination.bytes,url.path,user_agent.original\n";

/// The lines below [`CSV_HEADER`].
pub const CSV: &[Form] = &[
    (
        80,
        "{isoms}Z,{host},{inside},{port},{outside},{service},tcp,{user},connection-allowed,success,{size},{large},{path},\"{agent}\"",
    ),
    (
        20,
        "{isoms}Z,{host},{outside},{port},{inside},{service},tcp,,connection-denied,failure,{size},0,,",
    ),
];

/// PAN-OS traffic: values separated by commas whose names the product's manual has.
pub const PANOS: &[Form] = &[(
    100,
    "<14>{bsd} {host} 1,{slashed},001801000001,TRAFFIC,end,2305,{slashed},{inside},{outside},198.51.100.7,{outside},Allow-Out,{user},,ssl,vsys1,trust,untrust,ethernet1/2,ethernet1/1,Forward,{slashed},{serial},1,{port},{service},{port},{service},0x400053,tcp,allow,{large},{size},{large},{small},{slashed},{small},news,0,{serial},0x8000000000000000,10.0.0.0-10.255.255.255,Germany,0,{small},{small},tcp-fin,0,0,0,0,,{host},from-policy",
)];

/// The header of a Zeek connection log.
pub const ZEEK_HEADER: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t2026-11-20-00-00-00\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\n";

/// The lines below [`ZEEK_HEADER`]; forms as in `data/samples/zeek-conn.log`.
pub const ZEEK: &[Form] = &[
    (
        45,
        "{epoch}\t{uid}\t{inside}\t{port}\t{outside}\t443\ttcp\tssl\t{seconds}\t{size}\t{large}\tSF\tT\tF\t0\tShADadFf\t{small}\t{size}\t{small}\t{large}\t-",
    ),
    (
        30,
        "{epoch}\t{uid}\t{inside}\t{port}\t10.20.0.10\t53\tudp\tdns\t{seconds}\t{small}\t{small}\tSF\tT\tT\t0\tDd\t1\t{small}\t1\t{small}\t-",
    ),
    (
        15,
        "{epoch}\t{uid}\t{inside}\t{port}\t{inside}\t445\ttcp\tgssapi,smb,krb\t{seconds}\t{size}\t{size}\tSF\tT\tT\t0\tShADadFf\t{small}\t{size}\t{small}\t{size}\t-",
    ),
    (
        10,
        "{epoch}\t{uid}\t{outside}\t{port}\t{inside}\t{service}\ttcp\t-\t-\t-\t-\tS0\tF\tT\t0\tS\t1\t60\t0\t0\t-",
    ),
];

/// A template as its pieces: text, and names of values.
enum Piece {
    Text(&'static str),
    Value(&'static str),
}

fn pieces(template: &'static str) -> Vec<Piece> {
    let mut rest = template;
    let mut pieces = Vec::new();
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("a `{` of a template has its `}`");
        pieces.push(Piece::Text(text));
        pieces.push(Piece::Value(name));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Lines of a workload, one after another.
pub struct Lines {
    forms: Vec<(u32, Vec<Piece>)>,
    shares: u32,
}

impl Lines {
    /// The lines of `forms`.
    pub fn new(forms: &'static [Form]) -> Self {
        Lines {
            forms: forms.iter().map(|(share, form)| (*share, pieces(form))).collect(),
            shares: forms.iter().map(|(share, _)| share).sum(),
        }
    }

    /// Writes the next line.
    pub fn write(&self, world: &mut World, to: &mut Vec<u8>) {
        world.tick();
        let mut chosen = world.random.below(u64::from(self.shares)) as u32;
        for (share, form) in &self.forms {
            if chosen >= *share {
                chosen -= share;
                continue;
            }
            for piece in form {
                match piece {
                    Piece::Text(text) => to.extend_from_slice(text.as_bytes()),
                    Piece::Value(name) => world.write(name, to),
                }
            }
            to.push(b'\n');
            return;
        }
    }
}
