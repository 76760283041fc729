//! Windows of time in the `group by` of a rule: what is written, and which of them an event lies in.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

/// Which events are looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// `tumble(time, size)`: `[n · size, (n + 1) · size)`, counted from 1970 in UTC.
    Tumble {
        /// How long each is.
        size: i64,
    },
    /// `hop(time, slide, size)`: `[n · slide, n · slide + size)`.
    Hop {
        /// How far apart two of them begin.
        slide: i64,
        /// How long each is.
        size: i64,
    },
    /// `slide(time, size)`: `(t - size, t]` for each event of the group at `t`.
    Slide {
        /// How long each is.
        size: i64,
    },
    /// `session(time, gap)`: events of a group with less than `gap` between each and the next.
    Session {
        /// The pause that ends it.
        gap: i64,
    },
}

/// Names of the functions, and how they are called.
pub(super) const FUNCTIONS: [(&str, &str); 4] = [
    ("tumble", "tumble(time, interval '10 minutes')"),
    ("hop", "hop(time, interval '1 minute', interval '10 minutes')"),
    ("slide", "slide(time, interval '10 minutes')"),
    ("session", "session(time, interval '10 minutes')"),
];

/// Panes that one window may be made of.
const MOST_PANES: i64 = 10_000;

/// Times beyond this (in microseconds, some 73,000 years from 1970) lie in no window.
pub(super) const FARTHEST: i64 = 1 << 61;

impl Window {
    /// The window that an expression asks for; `None` if it is none.
    ///
    /// # Errors
    /// If it is one, but not as it is called.
    pub(super) fn of(expr: &Expr) -> Option<std::result::Result<Window, String>> {
        let Expr::ScalarFunction(call) = expr else {
            return None;
        };
        let (name, usage) = FUNCTIONS.iter().find(|(name, _)| *name == call.func.name())?;
        let wrong = || format!("`{name}` is called as `{usage}`");
        let (time, spans) = call.args.split_first()?;
        if !matches!(time, Expr::Column(column) if column.name == "time") {
            return Some(Err(format!(
                "windows are windows of the event's own time: {}",
                wrong()
            )));
        }
        let spans: std::result::Result<Vec<i64>, String> = spans
            .iter()
            .map(|span| micros(span).map_err(|problem| format!("{problem}: {}", wrong())))
            .collect();
        let spans = match spans {
            Ok(spans) => spans,
            Err(problem) => return Some(Err(problem)),
        };
        Some(match (*name, &spans[..]) {
            ("tumble", [size]) => Ok(Window::Tumble { size: *size }),
            ("slide", [size]) => Ok(Window::Slide { size: *size }),
            ("session", [gap]) => Ok(Window::Session { gap: *gap }),
            ("hop", [slide, size]) if slide > size => Err(format!(
                "windows that begin further apart than they are long leave events out: {} (how far apart, how long)",
                wrong()
            )),
            ("hop", [slide, size]) => {
                let window = Window::Hop {
                    slide: *slide,
                    size: *size,
                };
                match size / window.pane() > MOST_PANES {
                    true => Err(format!(
                        "a window would be made of {} parts, {MOST_PANES} is the most; let them begin further apart",
                        size / window.pane()
                    )),
                    false => Ok(window),
                }
            }
            _ => Err(wrong()),
        })
    }

    /// How long a pane is: the parts that events are put together in, and windows are made of. Of sessions, the gap.
    pub(super) fn pane(self) -> i64 {
        match self {
            Window::Tumble { size } | Window::Slide { size } => size,
            Window::Hop { slide, size } => divisor(slide, size),
            Window::Session { gap } => gap,
        }
    }

    /// How far apart windows begin, and how long they are; of sessions, nothing of the kind is known.
    pub(super) fn steps(self) -> Option<(i64, i64)> {
        match self {
            Window::Tumble { size } => Some((size, size)),
            Window::Hop { slide, size } => Some((slide, size)),
            Window::Slide { .. } | Window::Session { .. } => None,
        }
    }

    /// How far before its end a window can begin; of sessions, nothing is known.
    pub(super) fn reach(self) -> i64 {
        match self {
            Window::Tumble { size } | Window::Hop { size, .. } | Window::Slide { size } => size,
            Window::Session { .. } => 0,
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Window::Tumble { size } => write!(f, "every {}, one after the other", Span(*size)),
            Window::Hop { slide, size } => write!(f, "{} long, one every {}", Span(*size), Span(*slide)),
            Window::Slide { size } => write!(f, "{} up to each event", Span(*size)),
            Window::Session { gap } => write!(f, "until nothing comes for {}", Span(*gap)),
        }
    }
}

/// A span in words.
pub(super) struct Span(pub(super) i64);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNITS: [(i64, &str); 5] = [
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "m"),
            (1_000_000, "s"),
            (1_000, "ms"),
        ];
        match UNITS.iter().find(|(unit, _)| self.0 % unit == 0) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}µs", self.0),
        }
    }
}

fn divisor(a: i64, b: i64) -> i64 {
    match b {
        0 => a.max(1),
        _ => divisor(b, a % b),
    }
}

/// A span of time in microseconds.
fn micros(expr: &Expr) -> std::result::Result<i64, String> {
    let (months, days, nanos) = match expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(span)), _) => {
            (span.months, span.days, span.nanoseconds)
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(span)), _) => {
            (0, span.days, i64::from(span.milliseconds) * 1_000_000)
        }
        Expr::Literal(ScalarValue::IntervalYearMonth(Some(months)), _) => (*months, 0, 0),
        _ => return Err("a span is written as `interval '10 minutes'`".to_owned()),
    };
    if months != 0 {
        return Err("months are not all as long, write days".to_owned());
    }
    let micros = i64::from(days) * 86_400_000_000 + nanos / 1000;
    match micros {
        1..=31_622_400_000_000 if nanos % 1000 == 0 => Ok(micros),
        _ => Err("a span lies between a microsecond and 366 days".to_owned()),
    }
}

/// The functions as planning knows them. None is ever called: the plan is taken apart before.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let function = |(name, usage): &(&'static str, &'static str)| {
        let spans = usage.matches("interval").count();
        ScalarUDF::from(WindowFunction {
            name,
            signature: Signature::new(TypeSignature::Any(1 + spans), Volatility::Immutable),
        })
    };
    FUNCTIONS.iter().map(function).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowFunction {
    name: &'static str,
    signature: Signature,
}

/// The type of the beginning of a window.
pub(super) fn start_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(start_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Plan(format!(
            "`{}` stands in the `group by` of a rule only",
            self.name
        )))
    }
}
