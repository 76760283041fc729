//! Value modifiers: their names and which of them go together.

use crate::ir::{Comparison, TimePart};
use crate::problem::{Sink, nearest};
use crate::yaml::Spot;

/// One modifier of a field (`Field|contains|all`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modifier {
    All,
    Base64,
    Base64Offset,
    Cased,
    Cidr,
    Compare(Comparison),
    Contains,
    EndsWith,
    Exists,
    Expand,
    FieldRef,
    NotEqual,
    Regex,
    RegexDotAll,
    RegexIgnoreCase,
    RegexMultiLine,
    StartsWith,
    Time(TimePart),
    Utf16,
    Utf16Be,
    Utf16Le,
    WinDash,
}

/// Every name that a modifier has.
const NAMES: &[(&str, Modifier)] = &[
    ("all", Modifier::All),
    ("base64", Modifier::Base64),
    ("base64offset", Modifier::Base64Offset),
    ("cased", Modifier::Cased),
    ("cidr", Modifier::Cidr),
    ("contains", Modifier::Contains),
    ("day", Modifier::Time(TimePart::Day)),
    ("dotall", Modifier::RegexDotAll),
    ("endswith", Modifier::EndsWith),
    ("exists", Modifier::Exists),
    ("expand", Modifier::Expand),
    ("fieldref", Modifier::FieldRef),
    ("gt", Modifier::Compare(Comparison::Greater)),
    ("gte", Modifier::Compare(Comparison::GreaterOrEqual)),
    ("hour", Modifier::Time(TimePart::Hour)),
    ("i", Modifier::RegexIgnoreCase),
    ("ignorecase", Modifier::RegexIgnoreCase),
    ("lt", Modifier::Compare(Comparison::Less)),
    ("lte", Modifier::Compare(Comparison::LessOrEqual)),
    ("m", Modifier::RegexMultiLine),
    ("minute", Modifier::Time(TimePart::Minute)),
    ("month", Modifier::Time(TimePart::Month)),
    ("multiline", Modifier::RegexMultiLine),
    ("neq", Modifier::NotEqual),
    ("re", Modifier::Regex),
    ("s", Modifier::RegexDotAll),
    ("startswith", Modifier::StartsWith),
    ("utf16", Modifier::Utf16),
    ("utf16be", Modifier::Utf16Be),
    ("utf16le", Modifier::Utf16Le),
    ("week", Modifier::Time(TimePart::Week)),
    ("wide", Modifier::Utf16Le),
    ("windash", Modifier::WinDash),
    ("year", Modifier::Time(TimePart::Year)),
];

/// What the modifiers of a field make of its values. At most one of these holds for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Wildcard patterns (also: no modifier at all).
    Text,
    Regex,
    Cidr,
    Number(Comparison),
    Time(TimePart, Comparison),
    Exists,
    FieldRef,
}

/// The checked modifiers of a field.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub target: Target,
    /// Those that change the text, in order.
    pub text: Vec<Modifier>,
    pub all: bool,
    pub cased: bool,
    pub not_equal: bool,
    pub expand: bool,
    pub ignore_case: bool,
    pub multi_line: bool,
    pub dot_all: bool,
}

impl Chain {
    /// No modifiers.
    pub fn plain() -> Self {
        Chain {
            target: Target::Text,
            text: Vec::new(),
            all: false,
            cased: false,
            not_equal: false,
            expand: false,
            ignore_case: false,
            multi_line: false,
            dot_all: false,
        }
    }

    /// Reads what stands behind the field name. Gives nothing if it reported an error.
    pub fn parse(words: &str, at: Spot, sink: &mut Sink<'_>) -> Option<Self> {
        let mut chain = Chain::plain();
        let mut seen: Vec<(&str, Modifier)> = Vec::new();
        let mut time = None;
        let mut comparison = None;
        let mut column = at.column;
        let mut valid = true;
        for word in words.split('|') {
            let here = Spot {
                line: at.line,
                column,
            };
            column += word.chars().count() + 1;
            let found = NAMES.iter().find(|(name, _)| *name == word);
            let Some(&(name, modifier)) = found else {
                // One-letter modifiers are near to everything.
                let names = NAMES.iter().map(|(name, _)| *name).filter(|name| name.len() > 1);
                let message = match word {
                    "" => "a modifier is missing between the `|`".to_owned(),
                    _ => format!("unknown modifier `{word}`"),
                };
                sink.error_near(here, "unknown-modifier", message, nearest(word, names));
                valid = false;
                continue;
            };
            if seen.iter().any(|(_, other)| *other == modifier) {
                sink.error(
                    here,
                    "modifier-combination",
                    format!("modifier `{name}` stands here twice"),
                );
                valid = false;
                continue;
            }
            if let Some(reason) = clash(&seen, name, modifier) {
                sink.error(here, "modifier-combination", reason);
                valid = false;
                continue;
            }
            seen.push((name, modifier));
            match modifier {
                Modifier::All => chain.all = true,
                Modifier::Cased => chain.cased = true,
                Modifier::NotEqual => chain.not_equal = true,
                Modifier::Expand => chain.expand = true,
                Modifier::Regex => chain.target = Target::Regex,
                Modifier::RegexIgnoreCase => chain.ignore_case = true,
                Modifier::RegexMultiLine => chain.multi_line = true,
                Modifier::RegexDotAll => chain.dot_all = true,
                Modifier::Cidr => chain.target = Target::Cidr,
                Modifier::Exists => chain.target = Target::Exists,
                Modifier::FieldRef => chain.target = Target::FieldRef,
                Modifier::Compare(how) => comparison = Some(how),
                Modifier::Time(part) => time = Some(part),
                Modifier::Base64
                | Modifier::Base64Offset
                | Modifier::Contains
                | Modifier::EndsWith
                | Modifier::StartsWith
                | Modifier::Utf16
                | Modifier::Utf16Be
                | Modifier::Utf16Le
                | Modifier::WinDash => chain.text.push(modifier),
            }
        }
        match (time, comparison) {
            (Some(part), how) => chain.target = Target::Time(part, how.unwrap_or(Comparison::Equal)),
            (None, Some(how)) => chain.target = Target::Number(how),
            (None, None) => {}
        }
        valid.then_some(chain)
    }

    /// Whether nothing but list logic stands there, so that null and plain numbers have their meaning.
    pub fn is_plain(&self) -> bool {
        self.target == Target::Text && self.text.is_empty()
    }
}

/// What kind of value a modifier makes; modifiers of different kinds exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Goes with all (`all`, `neq`, `expand`).
    Any,
    /// `cased` and the anchors: text, regular expressions and field references.
    Texts,
    Text,
    Regex,
    Cidr,
    Number,
    Exists,
    FieldRef,
}

fn kind(modifier: Modifier) -> Kind {
    match modifier {
        Modifier::All | Modifier::NotEqual | Modifier::Expand => Kind::Any,
        Modifier::Cased | Modifier::Contains | Modifier::EndsWith | Modifier::StartsWith => Kind::Texts,
        Modifier::Base64
        | Modifier::Base64Offset
        | Modifier::Utf16
        | Modifier::Utf16Be
        | Modifier::Utf16Le
        | Modifier::WinDash => Kind::Text,
        Modifier::Regex | Modifier::RegexDotAll | Modifier::RegexIgnoreCase | Modifier::RegexMultiLine => {
            Kind::Regex
        }
        Modifier::Cidr => Kind::Cidr,
        Modifier::Compare(_) | Modifier::Time(_) => Kind::Number,
        Modifier::Exists => Kind::Exists,
        Modifier::FieldRef => Kind::FieldRef,
    }
}

/// Why `modifier` cannot follow those before it.
fn clash(before: &[(&str, Modifier)], name: &str, modifier: Modifier) -> Option<String> {
    let has = |wanted: Modifier| before.iter().any(|(_, other)| *other == wanted);
    match modifier {
        Modifier::RegexDotAll | Modifier::RegexIgnoreCase | Modifier::RegexMultiLine
            if !has(Modifier::Regex) =>
        {
            return Some(format!(
                "`{name}` refines a regular expression and must follow `re`"
            ));
        }
        Modifier::Base64 | Modifier::Base64Offset
            if has(Modifier::Contains) || has(Modifier::StartsWith) || has(Modifier::EndsWith) =>
        {
            return Some(format!(
                "`{name}` must stand before `contains`, `startswith` and `endswith`"
            ));
        }
        Modifier::Regex if before.iter().any(|(_, other)| kind(*other) == Kind::Texts) => {
            return Some("`re` must stand before the modifiers that anchor it".to_owned());
        }
        _ => {}
    }
    let mine = kind(modifier);
    before.iter().find_map(|&(other_name, other)| {
        let other_kind = kind(other);
        let fits = match (mine, other_kind) {
            (Kind::Exists, _) | (_, Kind::Exists) => false,
            (Kind::Any, _) | (_, Kind::Any) => true,
            (Kind::Number, Kind::Number) => {
                matches!(modifier, Modifier::Time(_)) != matches!(other, Modifier::Time(_))
            }
            (Kind::Texts, Kind::Text | Kind::Regex | Kind::FieldRef)
            | (Kind::Text | Kind::Regex | Kind::FieldRef, Kind::Texts) => true,
            (a, b) => a == b,
        };
        (!fits).then(|| format!("`{name}` does not go with `{other_name}`"))
    })
}
