//! Patterns of paths and hosts: `*` is any text without a `/`, `**` any text, `?` one character that is no `/`.

/// A pattern taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    /// What two spellings of one pattern share.
    pub(super) tokens: Vec<Token>,
    /// Characters that the pattern names: what it says more than `*`.
    pub(super) named: usize,
    /// Whether it is anything but characters.
    pub(super) wild: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `**`
    Any,
}

impl Token {
    fn takes(self, c: char) -> bool {
        match self {
            Token::Char(own) => own == c,
            Token::One | Token::Many => c != '/',
            Token::Any => true,
        }
    }

    fn repeats(self) -> bool {
        matches!(self, Token::Many | Token::Any)
    }

    /// A character that both take.
    fn common(self, other: Token) -> Option<char> {
        match (self, other) {
            (Token::Char(c), token) | (token, Token::Char(c)) => token.takes(c).then_some(c),
            _ => Some('x'),
        }
    }
}

impl Glob {
    /// The pattern `text`.
    pub(super) fn new(text: &str) -> Glob {
        let mut tokens: Vec<Token> = Vec::new();
        for c in text.chars() {
            match (c, tokens.last()) {
                ('*', Some(Token::Many)) => {
                    tokens.pop();
                    tokens.push(Token::Any);
                }
                ('*', Some(Token::Any)) => {}
                ('*', _) => tokens.push(Token::Many),
                ('?', _) => tokens.push(Token::One),
                (c, _) => tokens.push(Token::Char(c)),
            }
        }
        let named = tokens.iter().filter(|token| matches!(token, Token::Char(_)));
        Glob {
            named: named.count(),
            wild: tokens.iter().any(|token| !matches!(token, Token::Char(_))),
            tokens,
        }
    }

    /// The pattern of a path whose last parts are `text`, whatever folders it lies in.
    pub(super) fn at_end(text: &str) -> Glob {
        let mut glob = Glob::new(text);
        glob.tokens.splice(0..0, [Token::Any, Token::Char('/')]);
        glob
    }

    /// Whether all of `text` is as the pattern says: at most tokens × characters steps, and nothing allocated.
    ///
    /// What repeats takes as little as it can. Where the rest does not fit, the last `*` takes one character more; where that
    /// meets a `/`, the last `**` does. Earlier ones need not: what stands between fits at its first place.
    pub(super) fn matches(&self, text: &str) -> bool {
        let char_at = |at: usize| text.get(at..).and_then(|rest| rest.chars().next());
        let (mut token, mut at) = (0, 0);
        // The token behind the last `**`, and behind the last `*` since; and where in the text they come next.
        let mut any: Option<(usize, usize)> = None;
        let mut many: Option<(usize, usize)> = None;
        // Where the first `*` since the last `**` begins, and before which place it begins in vain: two of one folder
        // reach the same.
        let mut first = None;
        let mut vain = 0;
        loop {
            let next = char_at(at);
            match (self.tokens.get(token), next) {
                (None, None) => return true,
                (Some(Token::Any), _) => {
                    token += 1;
                    any = Some((token, at));
                    (many, first, vain) = (None, None, 0);
                    continue;
                }
                (Some(Token::Many), _) if first.is_some() || at >= vain => {
                    token += 1;
                    many = Some((token, at));
                    first = first.or(Some(at));
                    continue;
                }
                (Some(own @ (Token::Char(_) | Token::One)), Some(c)) if own.takes(c) => {
                    token += 1;
                    at += c.len_utf8();
                    continue;
                }
                _ => {}
            }
            if let Some((behind, from)) = many
                && let Some(c) = char_at(from).filter(|&c| Token::Many.takes(c))
            {
                (token, at) = (behind, from + c.len_utf8());
                many = Some((token, at));
                continue;
            }
            let Some((behind, from)) = any else {
                return false;
            };
            let Some(c) = char_at(from) else {
                return false;
            };
            if let Some(first) = first.take() {
                let folder = text.get(first..).and_then(|rest| rest.find('/'));
                vain = folder.map_or(text.len(), |end| first + end) + 1;
            }
            (token, at) = (behind, from + c.len_utf8());
            any = Some((token, at));
            many = None;
        }
    }

    /// A text that both patterns fit, if there is one. Each pair of places that is looked at takes one from `budget`.
    ///
    /// # Errors
    ///
    /// The budget is used up.
    pub(super) fn common(&self, other: &Glob, budget: &mut usize) -> Result<Option<String>, OverBudget> {
        let end = (self.tokens.len(), other.tokens.len());
        let width = end.1 + 1;
        let words = ((end.0 + 1) * width).div_ceil(64);
        *budget = budget.checked_sub(words).ok_or(OverBudget)?;
        let mut seen = vec![0u64; words];
        if let Some(word) = seen.first_mut() {
            *word = 1;
        }
        // The way to the place that is looked at; and of each place on it, how it was reached and which step is next.
        let mut way = vec![((0, 0), None, 0)];
        while let Some((at, _, step)) = way.last_mut() {
            let at = *at;
            if at == end {
                return Ok(Some(way.iter().filter_map(|(_, by, _)| *by).collect()));
            }
            let (one, two) = (self.tokens.get(at.0).copied(), other.tokens.get(at.1).copied());
            *step += 1;
            let next = match *step {
                1 => one.zip(two).and_then(|(one, two)| {
                    let moves = |token: Token| usize::from(!token.repeats());
                    Some(((at.0 + moves(one), at.1 + moves(two)), Some(one.common(two)?)))
                }),
                2 => two
                    .is_some_and(Token::repeats)
                    .then_some(((at.0, at.1 + 1), None)),
                3 => one
                    .is_some_and(Token::repeats)
                    .then_some(((at.0 + 1, at.1), None)),
                _ => {
                    way.pop();
                    continue;
                }
            };
            let Some((to, by)) = next else {
                continue;
            };
            let number = to.0 * width + to.1;
            let bit = 1 << (number % 64);
            if let Some(word) = seen.get_mut(number / 64)
                && *word & bit == 0
            {
                *word |= bit;
                *budget = budget.checked_sub(1).ok_or(OverBudget)?;
                way.push((to, by, 0));
            }
        }
        Ok(None)
    }
}

/// Patterns that take too long to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OverBudget;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same in the plainest way.
    fn plain(tokens: &[Token], text: &[char]) -> bool {
        let Some((token, tokens)) = tokens.split_first() else {
            return text.is_empty();
        };
        match token {
            Token::Many | Token::Any => (0..=text.len())
                .take_while(|&taken| text[..taken].iter().all(|c| token.takes(*c)))
                .any(|taken| plain(tokens, &text[taken..])),
            _ => text
                .split_first()
                .is_some_and(|(c, rest)| token.takes(*c) && plain(tokens, rest)),
        }
    }

    #[test]
    fn stars_stay_in_a_folder() {
        let fits = |pattern: &str, text: &str| Glob::new(pattern).matches(text);
        assert!(fits("/logs/*.log", "/logs/a.log") && !fits("/logs/*.log", "/logs/b/a.log"));
        assert!(fits("/logs/**.log", "/logs/b/a.log") && fits("/logs/**", "/logs/b/a.log"));
        assert!(fits("a?c", "abc") && !fits("a?c", "a/c") && !fits("a?c", "ac"));
        assert!(Glob::at_end("fw/*.log").matches("/var/fw/a.log"));
        assert!(!Glob::at_end("fw/*.log").matches("/var/xfw/a.log"));
    }

    /// Records name their hosts: what costs most must cost little.
    #[test]
    fn matching_costs_tokens_times_characters_at_most() {
        let (a, deep) = ("a".repeat(100_000), "a/".repeat(50_000));
        for pattern in [
            "**a*a*a*a*b",
            "**a**a**a*b",
            "*a*a*a*a*b",
            "**/*a/*a/*a/b",
            "**a*/*a*/*a*b",
            "**?*?*?b",
        ] {
            for text in [&a, &deep] {
                let started = std::time::Instant::now();
                assert!(!Glob::new(pattern).matches(text), "{pattern}");
                // Squares of the text would take minutes.
                assert!(
                    started.elapsed().as_secs() < 5,
                    "{pattern}: {:?}",
                    started.elapsed()
                );
            }
        }
        assert!(Glob::new("**/*a/a*/**").matches(&deep) && Glob::new("**a*a*?").matches(&a));
    }

    proptest! {
        #[test]
        fn matches_longer_ones_as_the_plain_way(
            pattern in "([ab/é?]|[*]|[*]{2}){0,10}",
            text in "[abé/]{0,12}",
        ) {
            let glob = Glob::new(&pattern);
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(glob.matches(&text), plain(&glob.tokens, &chars));
        }

        #[test]
        fn matches_as_the_plain_way(pattern in "[ab/*?]{0,7}", text in "[ab/]{0,7}") {
            let glob = Glob::new(&pattern);
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(glob.matches(&text), plain(&glob.tokens, &chars));
        }

        #[test]
        fn common_texts_fit_both(one in "[ab/*?]{0,6}", two in "[ab/*?]{0,6}", text in "[abx/]{0,6}") {
            let (one, two) = (Glob::new(&one), Glob::new(&two));
            match one.common(&two, &mut usize::MAX.clone()).expect("no limit") {
                Some(found) => prop_assert!(one.matches(&found) && two.matches(&found), "{}", found),
                None => prop_assert!(!(one.matches(&text) && two.matches(&text))),
            }
        }
    }
}
