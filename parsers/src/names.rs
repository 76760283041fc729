//! One field, one column, many names: dotted names and the SQL names made from them.

/// The SQL name of a dotted column name: snake case, `_` for `.` and every other separator,
/// `winlog.event_data.` and `winlog.user_data.` shortened to `winlog_`, a leading `@` dropped.
///
/// The mapping is a pure function, so the same field has the same column in every run. Two dotted names
/// may share a SQL name (they differ in case or separators alone); they then share the column too.
///
/// ```
/// use borzoi_parsers::names::sql_name;
/// assert_eq!(sql_name("process.command_line"), "process_command_line");
/// assert_eq!(sql_name("winlog.event_data.GrantedAccess"), "winlog_granted_access");
/// assert_eq!(sql_name("winlog.event_data.SourceProcessGUID"), "winlog_source_process_guid");
/// assert_eq!(sql_name("winlog.event_data.LMPackageName"), "winlog_lm_package_name");
/// assert_eq!(sql_name("id.orig_h"), "id_orig_h");
/// assert_eq!(sql_name("winlog.event_data.Threat Name"), "winlog_threat_name");
/// ```
pub fn sql_name(dotted: &str) -> String {
    let (prefix, rest) = match dotted
        .strip_prefix("winlog.event_data.")
        .or_else(|| dotted.strip_prefix("winlog.user_data."))
    {
        Some(rest) => ("winlog_", rest),
        None => ("", dotted),
    };
    let mut name = String::with_capacity(dotted.len() + 8);
    name.push_str(prefix);
    match rest.is_ascii() {
        true => push_words(rest.as_bytes(), |byte| char::from(*byte), &mut name),
        false => push_words(&rest.chars().collect::<Vec<char>>(), |c| *c, &mut name),
    }
    while name.ends_with('_') {
        name.pop();
    }
    if name.is_empty() {
        name.push('_');
    }
    name
}

/// Appends the words of a name, a letter an item.
#[inline(always)]
fn push_words<T>(letters: &[T], letter: impl Fn(&T) -> char, name: &mut String) {
    for (position, c) in letters.iter().map(&letter).enumerate() {
        if c.is_uppercase() {
            let previous = position.checked_sub(1).map(|p| letter(&letters[p]));
            // Two lower-case letters make a word; one is a plural or a version (`IDs`, `IPv4`).
            let word_follows = letters
                .get(position + 1..position + 3)
                .is_some_and(|n| n.iter().all(|c| letter(c).is_lowercase()));
            let word_starts = match previous {
                Some(p) if p.is_lowercase() || p.is_ascii_digit() => true,
                Some(p) if p.is_uppercase() => word_follows,
                _ => false,
            };
            if word_starts && !name.ends_with('_') {
                name.push('_');
            }
            match c.is_ascii() {
                true => name.push(c.to_ascii_lowercase()),
                false => name.extend(c.to_lowercase()),
            }
        } else if c.is_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sql_name;

    #[test]
    fn separators_and_case_fold_to_one_underscore() {
        assert_eq!(sql_name("cs-uri-query"), "cs_uri_query");
        assert_eq!(sql_name("@timestamp"), "timestamp");
        assert_eq!(sql_name("a..b"), "a_b");
        assert_eq!(sql_name("winlog.user_data.RuleId"), "winlog_rule_id");
        assert_eq!(sql_name("..."), "_");
        assert_eq!(sql_name("IPv4Address"), "ipv4_address");
    }
}
