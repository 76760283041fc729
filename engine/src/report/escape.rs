//! Text from logs into HTML and into a script block.
//!
//! Whatever an alert holds may have been chosen by an attacker who knows that somebody will look at it in
//! a browser. So nothing reaches the page except through the two functions here, which differ because
//! HTML text and a `<script>` block end at different strings.

use std::fmt::Write;

/// Appends `text` as HTML text or as a double-quoted attribute's value.
///
/// Control characters and the marks that reorder text (U+202E and its kin, with which a file called
/// `gpj.exe` passes for a picture) are shown by name instead of being obeyed.
pub fn push_html(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            _ if is_deceptive(character) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}

/// [`push_html`] into a new string.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_html(&mut out, text);
    out
}

/// Appends JSON so that it may stand in a `<script>` block, and stay one line.
///
/// In JSON the characters replaced here can only occur inside strings, where `\u003c` means the same as
/// `<`. Without `<` neither `</script>` nor `<!--` can end or twist the block; U+2028 and U+2029 are line
/// ends to JavaScript but not to JSON.
pub fn push_script_json(out: &mut String, json: &str) {
    let mut from = 0;
    for (at, character) in json.char_indices() {
        let replacement = match character {
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            _ => continue,
        };
        out.push_str(&json[from..at]);
        out.push_str(replacement);
        from = at + character.len_utf8();
    }
    out.push_str(&json[from..]);
}

/// Whether a character would act on the text around it instead of being seen. The script's `DECEPTIVE`
/// is the same set.
fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_leaves_nothing_that_opens_or_closes() {
        assert_eq!(
            html(r#"</td><img src=x onerror="a('b')">&"#),
            "&lt;/td&gt;&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;"
        );
    }

    #[test]
    fn html_shows_reordering_marks_and_control_characters() {
        assert_eq!(html("a\u{202e}gpj.exe"), "a\\u{202e}gpj.exe");
        assert_eq!(html("\u{0}\u{1b}[2J"), "\\u{0}\\u{1b}[2J");
        assert_eq!(html("zażółć 日本 🐕"), "zażółć 日本 🐕");
    }

    #[test]
    fn script_json_means_the_same_and_cannot_end_the_block() {
        let value = serde_json::json!({"</script><!--": "a & b > c\u{2028}\u{2029}", "é": "\"\\"});
        let mut out = String::new();
        push_script_json(&mut out, &value.to_string());
        assert!(
            !out.contains(['<', '>', '&', '\u{2028}', '\u{2029}', '\n']),
            "{out}"
        );
        let back: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(back, value);
    }
}
