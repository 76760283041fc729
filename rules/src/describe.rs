//! Short human text for what a rule asks: for explanations and for the evidence of an alert.
//!
//! `endswith \powershell.exe`, `in 10.0.0.0/8`, `>= 5`. Values stand as they are compared, without Sigma's
//! escapes; quotes are put around a value only where its edges would not be seen.

use std::fmt;

use crate::ir::{
    Comparison, Condition, Expression, Matcher, Part, Pattern, Regex, RegexEngine, Relation, Search, TimePart,
};

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matcher::Pattern(pattern) => write_pattern(f, pattern),
            Matcher::Regex(regex) => write!(f, "{regex}"),
            Matcher::Cidr(cidr) => write!(f, "in {}/{}", cidr.network, cidr.prefix),
            Matcher::Number(comparison, number) => write!(f, "{comparison} {number}"),
            Matcher::TimePart(part, comparison, number) => write!(f, "{part} {comparison} {number}"),
            Matcher::Null => f.write_str("is null"),
            Matcher::Exists(true) => f.write_str("exists"),
            Matcher::Exists(false) => f.write_str("does not exist"),
            Matcher::Listed(listed) => write!(f, "in list {}", listed.lists.name(listed.list)),
            Matcher::FieldRef {
                field,
                relation,
                cased,
            } => {
                write!(
                    f,
                    "{relation} field {field}{}",
                    if *cased { " (cased)" } else { "" }
                )
            }
        }
    }
}

fn write_pattern(f: &mut fmt::Formatter<'_>, pattern: &Pattern) -> fmt::Result {
    match pattern.parts.as_slice() {
        [] => return f.write_str("is empty"),
        [Part::Many] => return f.write_str("is any text"),
        [Part::Literal(text)] => write!(f, "= {}", Quoted(text))?,
        [Part::Many, Part::Literal(text), Part::Many] => write!(f, "contains {}", Quoted(text))?,
        [Part::Literal(text), Part::Many] => write!(f, "startswith {}", Quoted(text))?,
        [Part::Many, Part::Literal(text)] => write!(f, "endswith {}", Quoted(text))?,
        _ => write!(f, "like {}", Quoted(&pattern.to_string()))?,
    }
    if pattern.cased {
        f.write_str(" (cased)")
    } else {
        Ok(())
    }
}

/// A value; in quotes if it is empty, starts or ends with white space, or has control characters.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
            let shown: String = text
                .chars()
                .flat_map(|c| {
                    if c.is_control() {
                        c.escape_default().collect()
                    } else {
                        vec![c]
                    }
                })
                .collect();
            write!(f, "\"{shown}\"")
        } else {
            f.write_str(text)
        }
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("re")?;
        for (set, flag) in [
            (self.ignore_case, 'i'),
            (self.multi_line, 'm'),
            (self.dot_all, 's'),
        ] {
            if set {
                write!(f, "|{flag}")?;
            }
        }
        write!(f, " {}", self.pattern)?;
        if self.engine == RegexEngine::Backtracking {
            f.write_str(" (backtracking)")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Equal => "=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for TimePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimePart::Minute => "minute",
            TimePart::Hour => "hour",
            TimePart::Day => "day",
            TimePart::Week => "week",
            TimePart::Month => "month",
            TimePart::Year => "year",
        })
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Equals => "=",
            Relation::StartsWith => "startswith",
            Relation::EndsWith => "endswith",
            Relation::Contains => "contains",
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::All(parts) if parts.is_empty() => f.write_str("always"),
            Expression::Any(parts) if parts.is_empty() => f.write_str("never"),
            Expression::All(parts) => joined(f, parts, " and "),
            Expression::Any(parts) => joined(f, parts, " or "),
            Expression::Not(inner) if is_compound(inner) => write!(f, "not ({inner})"),
            Expression::Not(inner) => write!(f, "not {inner}"),
            Expression::Field { name, matcher } => write!(f, "{name} {matcher}"),
            Expression::Keyword(matcher) => write!(f, "any text {matcher}"),
        }
    }
}

fn is_compound(expression: &Expression) -> bool {
    matches!(expression, Expression::All(parts) | Expression::Any(parts) if !parts.is_empty())
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expression], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        if is_compound(part) {
            write!(f, "({part})")?
        } else {
            write!(f, "{part}")?
        }
    }
    Ok(())
}

/// A condition with the names of the searches that it refers to: `selection and not filter`.
///
/// ```
/// use borzoi_rules::{describe, Loader};
/// let report = Loader::new().load_text("r.yml", "
/// title: T
/// logsource: {product: windows}
/// detection:
///     sel_a: {A|contains: x}
///     sel_b: {B: [1, 2]}
///     filter: {C: null}
///     condition: 1 of sel_* and not filter
/// ");
/// let rule = &report.detections[0];
/// assert_eq!(describe::condition(&rule.conditions[0], &rule.searches), "(sel_a or sel_b) and not filter");
/// assert_eq!(rule.searches[0].expression.to_string(), "A contains x");
/// assert_eq!(rule.searches[1].expression.to_string(), "B = 1 or B = 2");
/// ```
pub fn condition(condition: &Condition, searches: &[Search]) -> String {
    let mut text = String::new();
    write_condition(&mut text, condition, searches, false);
    text
}

fn write_condition(text: &mut String, condition: &Condition, searches: &[Search], inner: bool) {
    let (parts, word) = match condition {
        Condition::Search(index) => {
            text.push_str(searches.get(*index).map_or("?", |search| search.name.as_str()));
            return;
        }
        Condition::Not(inner) => {
            text.push_str("not ");
            write_condition(text, inner, searches, true);
            return;
        }
        Condition::All(parts) => (parts, " and "),
        Condition::Any(parts) => (parts, " or "),
    };
    if inner {
        text.push('(');
    }
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(word);
        }
        write_condition(text, part, searches, true);
    }
    if inner {
        text.push(')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Cidr;

    #[test]
    fn matchers_read_like_sigma() {
        let pattern = |text: &str, cased| Matcher::Pattern(Pattern::parse(text, cased)).to_string();
        assert_eq!(pattern(r"*\powershell.exe", false), r"endswith \powershell.exe");
        assert_eq!(pattern("* -enc *", false), "contains \" -enc \"");
        assert_eq!(pattern("adm*", true), "startswith adm (cased)");
        assert_eq!(pattern("4624", false), "= 4624");
        assert_eq!(pattern("a*b?", false), "like a*b?");
        assert_eq!(pattern("", false), "is empty");
        assert_eq!(pattern("*", false), "is any text");
        assert_eq!(pattern("c\0m\0", false), "= \"c\\u{0}m\\u{0}\"");
        let cidr = Cidr {
            network: [10, 0, 0, 0].into(),
            prefix: 8,
        };
        assert_eq!(Matcher::Cidr(cidr).to_string(), "in 10.0.0.0/8");
        assert_eq!(
            Matcher::Number(Comparison::GreaterOrEqual, 5.0).to_string(),
            ">= 5"
        );
        assert_eq!(
            Matcher::TimePart(TimePart::Hour, Comparison::Less, 6).to_string(),
            "hour < 6"
        );
        let reference = Matcher::FieldRef {
            field: "B".into(),
            relation: Relation::EndsWith,
            cased: false,
        };
        assert_eq!(reference.to_string(), "endswith field B");
    }

    #[test]
    fn compound_expressions_have_parentheses_where_needed() {
        let field = |name: &str| Expression::Field {
            name: name.into(),
            matcher: Matcher::Null,
        };
        let any = Expression::Any(vec![field("A"), field("B")]);
        let all = Expression::All(vec![any.clone(), Expression::Not(Box::new(any)), field("C")]);
        assert_eq!(
            all.to_string(),
            "(A is null or B is null) and not (A is null or B is null) and C is null"
        );
    }
}
