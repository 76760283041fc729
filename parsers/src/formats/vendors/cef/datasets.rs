//! Which dataset the lines of a vendor's product belong to, where they are read in a way of their own. All other products
//! stand in the catalog alone (`select.writers`).

/// The dataset of a CEF or LEEF line by what its header says of its writer; `generic.cef` where the
/// catalog is to be asked.
pub(in crate::formats) fn dataset(vendor: &str, product: &str) -> &'static str {
    match vendor {
        "Fortinet" | "fortinet" if of(product, &["fortigate", "fortios"]) => "fortinet.fortigate",
        "Palo Alto Networks" if !of(product, &["cortex", "traps", "prisma cloud"]) => "panw.panos",
        "Check Point" | "Check Point Software Technologies" => "checkpoint.firewall",
        "Trend Micro" if of(product, &["deep security", "workload", "cloud one"]) => {
            "trendmicro.deep_security"
        }
        "Trend Micro" | "TrendMicro" if !of(product, &["tippingpoint", "unityone"]) => "trendmicro.apex",
        "Cisco" if product.contains("Email") => "cisco.esa_cef",
        "Bitdefender" | "BitDefender" => "bitdefender.gravityzone",
        "F5" | "F5 Networks" => "f5.asm",
        "FORCEPOINT" | "Forcepoint" | "forcepoint" if of(product, &["security", "web"]) => {
            "forcepoint.web_cef"
        }
        "FORCEPOINT" | "Forcepoint" | "forcepoint"
            if !of(product, &["forcepoint dlp", "dlp", "casb", "email", "insider"]) =>
        {
            "forcepoint.firewall"
        }
        "Websense" if of(product, &["security"]) => "forcepoint.web_cef",
        "Stonesoft" => "forcepoint.firewall",
        "IBM" if product.starts_with("IBM i") => "ibm.i",
        "Incapsula" | "Imperva Inc." | "Imperva" => "imperva.waf",
        "Netwrix" => "netwrix.auditor",
        "SonicWall" | "SonicWALL" | "SonicWall Inc." => "sonicwall.firewall_cef",
        "FireEye" | "Trellix" | "fireeye" | "FireEye, Inc." => "trellix.network_security",
        "WatchGuard" | "Watchguard" | "WatchGuard Technologies" => "watchguard.firebox_leef",
        "Claroty" | "Medigate" => "claroty.xdome",
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
