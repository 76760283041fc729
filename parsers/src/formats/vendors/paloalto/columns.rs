//! The columns of each type of log, by the short names of the vendor's documentation. An empty name is one of its "future
//! use" columns. Versions only ever added columns at the end.

/// A column of a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) role: Role,
}

/// What is done with the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing: it is for future use.
    Unused,
    /// They go where the catalog says.
    Plain,
    /// When the event was: to the millisecond, to the second, when it was received.
    Instant(usize),
    Start,
    SourceUser,
    DestinationUser,
    Threat,
    /// A URL or a file, as the subtype says.
    Misc,
    Digest,
    Protocol,
    Host,
    TlsVersion,
    EventId,
    Subtype,
}

impl Column {
    const fn new(name: &'static str) -> Self {
        let role = match name.as_bytes() {
            b"" => Role::Unused,
            b"high_res_timestamp" => Role::Instant(0),
            b"time_generated" => Role::Instant(1),
            b"receive_time" => Role::Instant(2),
            b"start" => Role::Start,
            b"srcuser" | b"user" | b"admin" => Role::SourceUser,
            b"dstuser" => Role::DestinationUser,
            b"threatid" => Role::Threat,
            b"misc" => Role::Misc,
            b"filedigest" => Role::Digest,
            b"proto" => Role::Protocol,
            b"host" | b"ip" | b"public_ip" => Role::Host,
            b"tls_version" => Role::TlsVersion,
            b"eventid" => Role::EventId,
            b"subtype" => Role::Subtype,
            _ => Role::Plain,
        };
        Column { name, role }
    }
}

/// A list of columns that starts with those of every log.
macro_rules! columns {
    ($($name:literal)*) => {
        &[
            Column::new(""),
            Column::new("receive_time"),
            Column::new("serial"),
            Column::new("type"),
            Column::new("subtype"),
            Column::new("config_ver"),
            Column::new("time_generated"),
            $(Column::new($name)),*
        ]
    };
}

/// As [`columns`], for logs about a session.
macro_rules! session {
    ($($name:literal)*) => {
        columns!(
            "src" "dst" "natsrc" "natdst" "rule" "srcuser" "dstuser" "app" "vsys" "from" "to" "inbound_if"
            "outbound_if" "logset" "" "sessionid" "repeatcnt" "sport" "dport" "natsport" "natdport" "flags" "proto"
            "action" $($name)*
        )
    };
}

const TRAFFIC: &[Column] = session!(
    "bytes" "bytes_sent" "bytes_received" "packets" "start" "elapsed" "category" "" "seqno" "actionflags" "srcloc" "dstloc"
    "" "pkts_sent" "pkts_received" "session_end_reason" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3"
    "dg_hier_level_4" "vsys_name" "device_name" "action_source" "src_uuid" "dst_uuid" "tunnelid" "monitortag"
    "parent_session_id" "parent_start_time" "tunnel" "assoc_id" "chunks" "chunks_sent" "chunks_received" "rule_uuid"
    "http2_connection" "link_change_count" "policy_id" "link_switches" "sdwan_cluster" "sdwan_device_type"
    "sdwan_cluster_type" "sdwan_site" "dynusergroup_name" "xff_ip" "src_category" "src_profile" "src_model" "src_vendor"
    "src_osfamily" "src_osversion" "src_host" "src_mac" "dst_category" "dst_profile" "dst_model" "dst_vendor"
    "dst_osfamily" "dst_osversion" "dst_host" "dst_mac" "container_id" "pod_namespace" "pod_name" "src_edl" "dst_edl"
    "hostid" "serialnumber" "src_dag" "dst_dag" "session_owner" "high_res_timestamp" "nssai_sst" "nssai_sd"
    "subcategory_of_app" "category_of_app" "technology_of_app" "risk_of_app" "characteristic_of_app" "container_of_app"
    "tunneled_app" "is_saas_of_app" "sanctioned_state_of_app" "offloaded" "flow_type" "cluster_name"
);

const THREAT: &[Column] = session!(
    "misc" "threatid" "category" "severity" "direction" "seqno" "actionflags" "srcloc" "dstloc" "" "contenttype" "pcap_id"
    "filedigest" "cloud" "url_idx" "user_agent" "filetype" "xff" "referer" "sender" "subject" "recipient" "reportid"
    "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name" "" "src_uuid"
    "dst_uuid" "http_method" "tunnelid" "monitortag" "parent_session_id" "parent_start_time" "tunnel" "thr_category"
    "contentver" "" "assoc_id" "ppid" "http_headers" "url_category_list" "rule_uuid" "http2_connection"
    "dynusergroup_name" "xff_ip" "src_category" "src_profile" "src_model" "src_vendor" "src_osfamily" "src_osversion"
    "src_host" "src_mac" "dst_category" "dst_profile" "dst_model" "dst_vendor" "dst_osfamily" "dst_osversion" "dst_host"
    "dst_mac" "container_id" "pod_namespace" "pod_name" "src_edl" "dst_edl" "hostid" "serialnumber" "domain_edl" "src_dag"
    "dst_dag" "partial_hash" "high_res_timestamp" "reason" "justification" "nssai_sst" "subcategory_of_app"
    "category_of_app" "technology_of_app" "risk_of_app" "characteristic_of_app" "container_of_app" "tunneled_app"
    "is_saas_of_app" "sanctioned_state_of_app" "cloud_reportid" "cluster_name" "flow_type"
);

const DECRYPTION: &[Column] = session!(
    "tunnel" "" "" "src_uuid" "dst_uuid" "rule_uuid" "hs_stage_c2f" "hs_stage_f2s" "tls_version" "tls_keyxchg" "tls_enc"
    "tls_auth" "policy_name" "ec_curve" "err_index" "root_status" "chain_status" "proxy_type" "cert_serial" "fingerprint"
    "notbefore" "notafter" "cert_ver" "cert_size" "cn_len" "issuer_len" "rootcn_len" "sni_len" "cert_flags" "cn"
    "issuer_cn" "root_cn" "sni" "error" "container_id" "pod_namespace" "pod_name" "src_edl" "dst_edl" "src_dag" "dst_dag"
    "high_res_timestamp" "src_category" "src_profile" "src_model" "src_vendor" "src_osfamily" "src_osversion" "src_host"
    "src_mac" "dst_category" "dst_profile" "dst_model" "dst_vendor" "dst_osfamily" "dst_osversion" "dst_host" "dst_mac"
    "seqno" "actionflags" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name"
    "device_name" "vsys_id" "subcategory_of_app" "category_of_app" "technology_of_app" "risk_of_app"
    "characteristic_of_app" "container_of_app" "tunneled_app" "is_saas_of_app" "sanctioned_state_of_app" "cluster_name"
);

const SYSTEM: &[Column] = columns!(
    "vsys" "eventid" "object" "" "" "module" "severity" "opaque" "seqno" "actionflags" "dg_hier_level_1"
    "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name" "" "" "high_res_timestamp"
);

const CONFIG: &[Column] = columns!(
    "host" "vsys" "cmd" "admin" "client" "result" "path" "seqno" "actionflags" "dg_hier_level_1" "dg_hier_level_2"
    "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name" "dg_id" "comment" "" "high_res_timestamp"
);

/// A custom format, which some collectors ask for, has what was changed behind the path.
const CONFIG_DETAILED: &[Column] = columns!(
    "host" "vsys" "cmd" "admin" "client" "result" "path" "before_change_detail" "after_change_detail" "seqno"
    "actionflags" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name" "dg_id"
    "comment" "" "high_res_timestamp"
);

const GLOBALPROTECT: &[Column] = columns!(
    "vsys" "eventid" "stage" "auth_method" "tunnel_type" "srcuser" "srcregion" "machinename" "public_ip" "public_ipv6"
    "private_ip" "private_ipv6" "hostid" "serialnumber" "client_ver" "client_os" "client_os_ver" "repeatcnt" "reason"
    "error" "opaque" "status" "location" "login_duration" "connect_method" "error_code" "portal" "seqno" "actionflags"
    "high_res_timestamp" "selection_type" "response_time" "priority" "attempted_gateways" "gateway" "dg_hier_level_1"
    "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name" "vsys_id" "cluster_name"
);

const HIPMATCH: &[Column] = columns!(
    "srcuser" "vsys" "machinename" "os" "src" "matchname" "repeatcnt" "matchtype" "" "" "seqno" "actionflags"
    "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name" "vsys_id" "srcipv6"
    "hostid" "serialnumber" "mac" "high_res_timestamp" "cluster_name"
);

const USERID: &[Column] = columns!(
    "vsys" "ip" "user" "datasourcename" "eventid" "repeatcnt" "timeout" "beginport" "endport" "datasource"
    "datasourcetype" "seqno" "actionflags" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4"
    "vsys_name" "device_name" "vsys_id" "factortype" "factorcompletiontime" "factorno" "ugflags" "userbysource" "tag_name"
    "high_res_timestamp" "origindatasource" "" "cluster_name"
);

const AUTHENTICATION: &[Column] = columns!(
    "vsys" "ip" "user" "normalize_user" "object" "authpolicy" "repeatcnt" "authid" "vendor" "logset" "serverprofile"
    "desc" "clienttype" "event" "factorno" "seqno" "actionflags" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3"
    "dg_hier_level_4" "vsys_name" "device_name" "vsys_id" "authproto" "rule_uuid" "high_res_timestamp" "src_category"
    "src_profile" "src_model" "src_vendor" "src_osfamily" "src_osversion" "src_host" "src_mac" "region" "" "user_agent"
    "sessionid" "cluster_name"
);

const IPTAG: &[Column] = columns!(
    "vsys" "ip" "tag_name" "eventid" "repeatcnt" "timeout" "datasourcename" "datasourcetype" "datasource_subtype" "seqno"
    "actionflags" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name"
    "vsys_id" "ip_subnet_range" "high_res_timestamp" "cluster_name"
);

const CORRELATION: &[Column] = columns!(
    "src" "srcuser" "vsys" "category" "severity" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4"
    "vsys_name" "device_name" "vsys_id" "objectname" "object_id" "evidence"
);

/// Tunnel inspection, which has types of its own for the start and the end of a tunnel's session.
const TUNNEL: &[Column] = session!(
    "severity" "seqno" "actionflags" "srcloc" "dstloc" "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3"
    "dg_hier_level_4" "vsys_name" "device_name" "tunnelid" "monitortag" "parent_session_id" "parent_start_time" "tunnel"
    "bytes" "bytes_sent" "bytes_received" "packets" "pkts_sent" "pkts_received" "max_encap" "unknown_proto" "strict_check"
    "tunnel_fragment" "sessions_created" "sessions_closed" "session_end_reason" "action_source" "start" "elapsed"
    "tunnel_insp_rule" "remote_user_ip" "remote_user_id" "rule_uuid" "pcap_id" "dynusergroup_name" "src_edl" "dst_edl"
    "high_res_timestamp" "nssai_sd" "nssai_sst" "pdu_session_id" "subcategory_of_app" "category_of_app"
    "technology_of_app" "risk_of_app" "characteristic_of_app" "container_of_app" "is_saas_of_app"
    "sanctioned_state_of_app" "cluster_name"
);

/// Mobile networks' tunnels: the columns that all versions have.
const GTP: &[Column] = session!(
    "gtp_event_type" "msisdn" "apn" "rat" "gtp_msg_type" "end_ip_addr" "teid1" "teid2" "gtp_interface" "gtp_cause"
    "severity" "mcc" "mnc" "area_code" "cell_id" "gtp_event_code" "" "" "srcloc" "dstloc"
);

const SCTP: &[Column] = session!(
    "dg_hier_level_1" "dg_hier_level_2" "dg_hier_level_3" "dg_hier_level_4" "vsys_name" "device_name" "seqno" ""
    "assoc_id" "ppid" "severity" "sctp_chunk_type" "" "verif_tag_1" "verif_tag_2" "sctp_cause_code" "diam_app_id"
    "diam_cmd_code" "diam_avp_code" "stream_id" "assoc_end_reason" "op_code" "sccp_calling_ssn" "sccp_calling_gt"
    "sctp_filter" "chunks" "chunks_sent" "chunks_received" "packets" "pkts_sent" "pkts_received" "rule_uuid"
    "high_res_timestamp"
);

/// The columns of a log of this type; `None`: there is no such type.
pub(super) fn columns(kind: &str) -> Option<&'static [Column]> {
    Some(match kind {
        "TRAFFIC" => TRAFFIC,
        "THREAT" => THREAT,
        "SYSTEM" => SYSTEM,
        "CONFIG" => CONFIG,
        "GLOBALPROTECT" => GLOBALPROTECT,
        "HIPMATCH" | "HIP-MATCH" => HIPMATCH,
        "USERID" => USERID,
        "DECRYPTION" => DECRYPTION,
        "AUTHENTICATION" | "AUTH" => AUTHENTICATION,
        "IPTAG" => IPTAG,
        "CORRELATION" => CORRELATION,
        "SCTP" => SCTP,
        "GTP" => GTP,
        "TUNNEL" | "START" | "END" => TUNNEL,
        _ => return None,
    })
}

/// The columns of a configuration log whose path is followed by what was changed.
pub(super) const fn detailed() -> &'static [Column] {
    CONFIG_DETAILED
}
