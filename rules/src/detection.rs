//! `detection`: searches with their modifiers applied.

use crate::encode;
use crate::ir::{Expression, Matcher, Part, Pattern, Search};
use crate::modifier::{Chain, Modifier, Target};
use crate::pattern;
use crate::placeholder::{self, Expansion, Placeholders, Segment};
use crate::problem::Sink;
use crate::value::typed;
use crate::yaml::{Data, Node, Resolved, Spot, Style, resolve};

/// What compiling needs besides the text.
pub(crate) struct Context<'c, 'a> {
    pub sink: &'c mut Sink<'a>,
    pub placeholders: &'c Placeholders,
    /// Placeholders without a value that were met.
    pub waiting_for: Vec<String>,
}

/// Compiles one search. Nothing if an error was reported.
pub(crate) fn search(name: &str, node: &Node<'_>, context: &mut Context<'_, '_>) -> Option<Search> {
    let expression = match &node.data {
        Data::Map(entries) => map(entries, node.at, context)?,
        Data::List(items) => {
            let mut choices = Vec::with_capacity(items.len());
            let mut valid = true;
            for item in items {
                let choice = match &item.data {
                    Data::Map(entries) => map(entries, item.at, context),
                    Data::Scalar { .. } => keyword(item, context),
                    Data::List(_) => {
                        context.sink.error(
                            item.at,
                            "search-shape",
                            format!("search `{name}` has a list in a list, it may hold maps or keywords"),
                        );
                        None
                    }
                };
                match choice {
                    Some(choice) => choices.push(choice),
                    None => valid = false,
                }
            }
            if items.is_empty() {
                context
                    .sink
                    .error(node.at, "empty-search", format!("search `{name}` is empty"));
                return None;
            }
            if !valid {
                return None;
            }
            any(choices)
        }
        Data::Scalar { .. } if node.is_null() => {
            context
                .sink
                .error(node.at, "empty-search", format!("search `{name}` is empty"));
            return None;
        }
        Data::Scalar { .. } => keyword(node, context)?,
    };
    Some(Search {
        name: name.to_owned(),
        expression,
    })
}

fn any(mut choices: Vec<Expression>) -> Expression {
    if choices.len() == 1 {
        choices.remove(0)
    } else {
        Expression::Any(choices)
    }
}

fn all(mut parts: Vec<Expression>) -> Expression {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Expression::All(parts)
    }
}

fn keyword(node: &Node<'_>, context: &mut Context<'_, '_>) -> Option<Expression> {
    let matchers = values(None, node, &Chain::plain(), context)?;
    Some(any(matchers.into_iter().map(Expression::Keyword).collect()))
}

fn map(entries: &[(Node<'_>, Node<'_>)], at: Spot, context: &mut Context<'_, '_>) -> Option<Expression> {
    if entries.is_empty() {
        context
            .sink
            .error(at, "empty-search", "the map is empty, name at least one field");
        return None;
    }
    let mut parts = Vec::with_capacity(entries.len());
    let mut valid = true;
    for (key, value) in entries {
        match field(key, value, context) {
            Some(part) => parts.push(part),
            None => valid = false,
        }
    }
    valid.then(|| all(parts))
}

fn field(key: &Node<'_>, value: &Node<'_>, context: &mut Context<'_, '_>) -> Option<Expression> {
    let text = key.text()?;
    let (name, chain) = match text.split_once('|') {
        None => (text, Chain::plain()),
        Some((name, words)) => {
            let quote = usize::from(matches!(
                key.data,
                Data::Scalar {
                    style: Style::Quoted,
                    ..
                }
            ));
            let column = key.at.column + quote + name.chars().count() + 1;
            (
                name,
                Chain::parse(
                    words,
                    Spot {
                        line: key.at.line,
                        column,
                    },
                    context.sink,
                )?,
            )
        }
    };
    let name = (!name.is_empty()).then_some(name);
    if name.is_none() {
        if text.is_empty() {
            context.sink.error(key.at, "empty-field", "a field needs a name");
            return None;
        }
        check_keyword_modifiers(&chain, key.at, context.sink)?;
    }
    let wrap = |matcher: Matcher| match name {
        Some(name) => Expression::Field {
            name: name.to_owned(),
            matcher,
        },
        None => Expression::Keyword(matcher),
    };
    let mut choices = Vec::new();
    match &value.data {
        Data::Map(_) => {
            context.sink.error(
                value.at,
                "value-type",
                format!("`{text}` has a map as its value, it takes a value or a list of values"),
            );
            return None;
        }
        Data::List(items) => {
            if items.is_empty() {
                context.sink.error(
                    value.at,
                    "empty-list",
                    format!("the list of values of `{text}` is empty and can never match"),
                );
                return None;
            }
            let mut valid = true;
            choices.reserve(items.len());
            for item in items {
                match values(name, item, &chain, context) {
                    Some(matchers) => choices.push(any(matchers.into_iter().map(wrap).collect())),
                    None => valid = false,
                }
            }
            if !valid {
                return None;
            }
        }
        Data::Scalar { .. } => {
            let matchers = values(name, value, &chain, context)?;
            choices.push(any(matchers.into_iter().map(wrap).collect()));
        }
    }
    // `neq` means none of them, whether or not `all` stands there too.
    if chain.not_equal {
        return Some(Expression::Not(Box::new(any(flatten(choices)))));
    }
    Some(if chain.all {
        all(choices)
    } else {
        any(flatten(choices))
    })
}

/// Lists in lists of alternatives are one list.
fn flatten(choices: Vec<Expression>) -> Vec<Expression> {
    if !choices.iter().any(|choice| matches!(choice, Expression::Any(_))) {
        return choices;
    }
    let mut flat = Vec::with_capacity(choices.len());
    for choice in choices {
        match choice {
            Expression::Any(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    flat
}

fn check_keyword_modifiers(chain: &Chain, at: Spot, sink: &mut Sink<'_>) -> Option<()> {
    let anchored = chain
        .text
        .iter()
        .any(|modifier| matches!(modifier, Modifier::StartsWith | Modifier::EndsWith));
    let reason = match chain.target {
        Target::Text | Target::Regex if !anchored => return Some(()),
        Target::Text | Target::Regex => "a keyword may stand anywhere in a text and has no start or end",
        _ => "a keyword is searched in texts, this modifier needs a field",
    };
    sink.error(at, "modifier-combination", reason);
    None
}

/// The matchers of one value; several if a modifier makes several texts of it, any of which will do.
fn values(
    field: Option<&str>,
    node: &Node<'_>,
    chain: &Chain,
    context: &mut Context<'_, '_>,
) -> Option<Vec<Matcher>> {
    let Data::Scalar { text, style } = &node.data else {
        context.sink.error(
            node.at,
            "value-type",
            format!("a value cannot be {}", node.kind()),
        );
        return None;
    };
    let resolved = resolve(text, *style);
    if resolved == Resolved::Null {
        if chain.is_plain() && !chain.cased && !chain.expand && field.is_some() {
            return Some(vec![Matcher::Null]);
        }
        let message = match field {
            None => "a keyword cannot be null",
            Some(_) => "null goes with no modifier but `all` and `neq`",
        };
        context.sink.error(node.at, "value-type", message);
        return None;
    }
    if chain.target == Target::Exists {
        return exists(text, node.at, context.sink);
    }
    if field.is_some() && chain.is_plain() {
        let spellings = spellings(text, resolved, chain.cased);
        if !spellings.is_empty() {
            let literal = |spelling| {
                Matcher::Pattern(Pattern {
                    parts: vec![Part::Literal(spelling)],
                    cased: chain.cased,
                })
            };
            return Some(spellings.into_iter().map(literal).collect());
        }
    }
    let variants = if chain.expand {
        expand(text, node.at, context)?
    } else {
        vec![vec![Segment::Text(text)]]
    };
    let mut matchers = Vec::with_capacity(variants.len());
    for segments in variants {
        match chain.target {
            Target::Text => {
                let mut parts = Vec::new();
                for segment in &segments {
                    for part in pattern::parse(segment.as_str()) {
                        pattern::push(&mut parts, part);
                    }
                }
                let texts = match transform(parts, &chain.text) {
                    Ok(texts) => texts,
                    Err(message) => {
                        context.sink.error(node.at, "value-type", message);
                        return None;
                    }
                };
                for mut parts in texts {
                    if field.is_none() {
                        pattern::open_start(&mut parts);
                        pattern::open_end(&mut parts);
                        if parts.len() == 1 {
                            context.sink.warn(
                                node.at,
                                "empty-keyword",
                                "this keyword matches every event that has any text",
                                None,
                            );
                        }
                    }
                    matchers.push(Matcher::Pattern(Pattern {
                        parts,
                        cased: chain.cased,
                    }));
                }
            }
            target => {
                let text = joined(&segments);
                matchers.push(typed(&text, node, target, chain, context.sink)?);
            }
        }
    }
    Some(matchers)
}

/// How a number or boolean of a rule stands in events; nothing for other values.
///
/// Where events hold a number, it has its decimal form. Where they hold text, the producer wrote what it
/// liked: the author of `Version: 1.50` has seen `1.50`, and YAML's reading of it (1.5) must not lose that.
fn spellings(text: &str, resolved: Resolved, cased: bool) -> Vec<String> {
    let decimal = match resolved {
        Resolved::Int(number) => number.to_string(),
        Resolved::Float(number) => number.to_string(),
        Resolved::Bool(value) => value.to_string(),
        Resolved::Null | Resolved::Text => return Vec::new(),
    };
    if decimal == text || (!cased && decimal.eq_ignore_ascii_case(text)) {
        vec![decimal]
    } else {
        vec![decimal, text.to_owned()]
    }
}

fn joined(segments: &[Segment<'_>]) -> String {
    segments.iter().map(Segment::as_str).collect()
}

/// The readings of a text with placeholders; none if one of them has no value.
fn expand(text: &str, at: Spot, context: &mut Context<'_, '_>) -> Option<Vec<Vec<Segment<'static>>>> {
    match placeholder::expand(text, context.placeholders) {
        Expansion::Readings(readings) => Some(readings),
        Expansion::Missing(names) => {
            for name in names {
                if !context.waiting_for.contains(&name) {
                    context.waiting_for.push(name);
                }
            }
            Some(Vec::new())
        }
        Expansion::TooMany => {
            context.sink.error(
                at,
                "too-many-values",
                "the placeholders of this value make too many texts",
            );
            None
        }
    }
}

fn exists(text: &str, at: Spot, sink: &mut Sink<'_>) -> Option<Vec<Matcher>> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(vec![Matcher::Exists(true)]),
        "false" | "no" => Some(vec![Matcher::Exists(false)]),
        _ => {
            sink.error(
                at,
                "value-type",
                format!("`exists` takes `true` or `false`, not `{text}`"),
            );
            None
        }
    }
}

/// Applies the modifiers that change text, in order.
fn transform(parts: Vec<Part>, modifiers: &[Modifier]) -> Result<Vec<Vec<Part>>, String> {
    if modifiers.is_empty() {
        return Ok(vec![parts]);
    }
    let mut texts = vec![parts];
    // UTF-16 is kept back until Base64 takes its bytes; without Base64 it becomes text at once.
    let mut encoding: Option<Modifier> = None;
    for (index, modifier) in modifiers.iter().enumerate() {
        match modifier {
            Modifier::Contains => texts.iter_mut().for_each(|parts| {
                pattern::open_start(parts);
                pattern::open_end(parts);
            }),
            Modifier::StartsWith => texts.iter_mut().for_each(pattern::open_end),
            Modifier::EndsWith => texts.iter_mut().for_each(pattern::open_start),
            Modifier::WinDash => {
                let mut permuted = Vec::new();
                for parts in &texts {
                    permuted.extend(encode::windash(parts)?);
                }
                texts = permuted;
            }
            Modifier::Utf16 | Modifier::Utf16Be | Modifier::Utf16Le => {
                let base64_follows = modifiers[index + 1..]
                    .iter()
                    .any(|later| matches!(later, Modifier::Base64 | Modifier::Base64Offset));
                if base64_follows {
                    encoding = Some(*modifier);
                } else {
                    texts.iter_mut().for_each(|parts| utf16_parts(parts, *modifier));
                }
            }
            Modifier::Base64 | Modifier::Base64Offset => {
                let mut encoded = Vec::new();
                for parts in &texts {
                    let Some(text) = pattern::literal(parts) else {
                        return Err("Base64 of a text with wildcards does not exist, \
                                    escape them (`\\*`, `\\?`) if they are plain characters"
                            .to_owned());
                    };
                    let bytes = match encoding {
                        Some(encoding) => encode::utf16(text, encoding),
                        None => text.as_bytes().to_vec(),
                    };
                    let results = match modifier {
                        Modifier::Base64 => vec![encode::base64(&bytes)],
                        _ => encode::base64_offsets(&bytes),
                    };
                    if results.iter().any(String::is_empty) {
                        return Err("the text is too short for Base64 at any offset".to_owned());
                    }
                    encoded.extend(results.into_iter().map(|text| vec![Part::Literal(text)]));
                }
                encoding = None;
                texts = encoded;
            }
            _ => {}
        }
    }
    Ok(texts)
}

/// UTF-16 as it looks in a text field; `?` covers the two bytes of a character.
fn utf16_parts(parts: &mut Vec<Part>, encoding: Modifier) {
    let old = std::mem::take(parts);
    for (index, part) in old.into_iter().enumerate() {
        // The byte order mark stands once, in front.
        let encoding = if index > 0 && encoding == Modifier::Utf16 {
            Modifier::Utf16Le
        } else {
            encoding
        };
        match part {
            Part::Literal(text) => {
                pattern::push(parts, Part::Literal(encode::utf16_text(&text, encoding)));
            }
            Part::One => parts.extend([Part::One, Part::One]),
            Part::Many => pattern::push(parts, Part::Many),
        }
    }
}
