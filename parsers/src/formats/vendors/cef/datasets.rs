//! Which dataset the lines of a vendor's product belong to.

/// The dataset of a CEF or LEEF line by what its header says of its writer; `generic.cef` where nobody is known.
pub(in crate::formats) fn dataset(vendor: &str, product: &str) -> &'static str {
    match vendor {
        "Fortinet" | "fortinet" if of(product, &["fortigate", "fortios"]) => "fortinet.fortigate",
        "Palo Alto Networks" => "panw.panos",
        "Check Point" => "checkpoint.firewall",
        "Trend Micro" if of(product, &["deep security", "workload", "cloud one"]) => {
            "trendmicro.deep_security"
        }
        "Trend Micro" | "TrendMicro" => "trendmicro.apex",
        "Cisco" if product.contains("Email") => "cisco.esa_cef",
        "Bitdefender" => "bitdefender.gravityzone",
        "Citrix" => "citrix.netscaler_appfw",
        "F5" => "f5.asm",
        "FORCEPOINT" | "Forcepoint" | "forcepoint" => "forcepoint.firewall",
        "IBM" if product.starts_with("IBM i") => "ibm.i",
        "Incapsula" | "Imperva Inc." | "Imperva" => "imperva.waf",
        "Netwrix" => "netwrix.auditor",
        "Panda Security" => "panda.siem_feeder",
        "SonicWall" | "SonicWALL" => "sonicwall.firewall_cef",
        "FireEye" | "Trellix" | "fireeye" => "trellix.network_security",
        "Ubiquiti" => "ubiquiti.unifi_cef",
        "Cyber-Ark" | "CyberArk" => "cyberark.vault",
        "WatchGuard" => "watchguard.firebox_leef",
        _ => "generic.cef",
    }
}

fn of(product: &str, known: &[&str]) -> bool {
    known.iter().any(|known| {
        product
            .get(..known.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(known))
    })
}
