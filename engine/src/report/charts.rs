//! The drawings: bars in lists and the timeline, as inline SVG that needs no script.
//!
//! Sizes are SVG attributes, never `style="…"`: the page's security policy refuses inline styles, and
//! colours come from classes so that dark, light and print each have their own.

use std::fmt::Write;

use super::escape::{html, push_html};
use super::summary::{LEVELS, level_name};
use super::timeline::{Timeline, clock, width_name};

/// Bars that are always visible.
const SHOWN: usize = 8;
/// Bars that are written at all; those between are folded away.
const WRITTEN: usize = 200;

/// One bar of a list.
pub struct Bar {
    /// What it stands for, unescaped.
    pub label: String,
    /// A short second text, unescaped; may be empty.
    pub note: String,
    /// How many alerts.
    pub count: u64,
    /// Class of the colour.
    pub class: &'static str,
    /// Its number in the page's dictionary.
    pub number: usize,
}

/// A titled list of bars, each of which filters the table by `filter`.
///
/// At most [`SHOWN`] bars are visible, and [`WRITTEN`] unfold; what is beyond is counted in words.
pub fn bar_panel(title: &str, filter: &str, none: &str, bars: &[Bar]) -> String {
    let mut out = String::new();
    push(
        &mut out,
        format_args!("<section class=\"panel\"><h2>{}", html(title)),
    );
    if bars.len() > 1 {
        push(
            &mut out,
            format_args!(" <span class=\"of\">{}</span>", thousands(bars.len() as u64)),
        );
    }
    out.push_str("</h2>");
    if bars.is_empty() {
        push(
            &mut out,
            format_args!("<p class=\"none\">{}</p></section>\n", html(none)),
        );
        return out;
    }
    let highest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let (shown, folded) = bars.split_at(bars.len().min(SHOWN));
    push_bars(&mut out, filter, shown, highest);
    if !folded.is_empty() {
        let (written, left) = folded.split_at(folded.len().min(WRITTEN - SHOWN));
        push(
            &mut out,
            format_args!(
                "<details><summary>{} more</summary>",
                thousands(folded.len() as u64)
            ),
        );
        push_bars(&mut out, filter, written, highest);
        if !left.is_empty() {
            push(
                &mut out,
                format_args!(
                    "<p class=\"none\">and {} rarer ones, none with more than {}; search the table for them</p>",
                    thousands(left.len() as u64),
                    thousands(left.iter().map(|bar| bar.count).max().unwrap_or(0)),
                ),
            );
        }
        out.push_str("</details>");
    }
    out.push_str("</section>\n");
    out
}

fn push_bars(out: &mut String, filter: &str, bars: &[Bar], highest: u64) {
    out.push_str("<ol class=\"bars\">");
    for bar in bars {
        let percent = (bar.count as f64 * 100.0 / highest as f64).max(0.5);
        push(
            out,
            format_args!(
                "<li><button type=\"button\" data-filter=\"{filter}\" data-number=\"{}\">\
                 <span class=\"label\"><bdi>{}</bdi>",
                bar.number,
                html(&bar.label)
            ),
        );
        if !bar.note.is_empty() {
            push(
                out,
                format_args!(" <span class=\"note\">{}</span>", html(&bar.note)),
            );
        }
        push(
            out,
            format_args!(
                "</span><span class=\"count\">{}</span><svg class=\"bar\" aria-hidden=\"true\">\
                 <rect class=\"{}\" width=\"{percent:.2}%\" height=\"100%\" rx=\"2\"/></svg></button></li>",
                thousands(bar.count),
                bar.class
            ),
        );
    }
    out.push_str("</ol>");
}

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 26.0;
/// Time labels on the axis, at most.
const LABELS: usize = 6;

/// The timeline: one bar a bucket, stacked by level with the worst at the bottom, where the eye compares.
pub fn timeline_panel(timeline: &Timeline) -> String {
    let mut out = String::from("<section class=\"panel wide\"><h2>Timeline");
    if timeline.width > 0 {
        push(
            &mut out,
            format_args!(
                " <span class=\"of\">one bar is {}, UTC</span>",
                width_name(timeline.width)
            ),
        );
    }
    out.push_str("</h2>");
    if timeline.width > 0 {
        push_legend(&mut out, timeline);
        push_timeline(&mut out, timeline);
    }
    if timeline.untimed > 0 {
        let verb = if timeline.untimed == 1 {
            "alert has"
        } else {
            "alerts have"
        };
        push(
            &mut out,
            format_args!(
                "<p class=\"none\">{} {verb} no readable time and cannot be drawn</p>",
                thousands(timeline.untimed)
            ),
        );
    }
    out.push_str("</section>\n");
    out
}

fn push_legend(out: &mut String, timeline: &Timeline) {
    out.push_str("<p class=\"legend\">");
    for (index, level) in LEVELS.into_iter().enumerate() {
        if timeline.buckets.iter().any(|counts| counts[index] > 0) {
            let name = level_name(level);
            push(
                out,
                format_args!("<span><i class=\"dot {name}\"></i>{name}</span> "),
            );
        }
    }
    out.push_str("</p>");
}

fn push_timeline(out: &mut String, timeline: &Timeline) {
    let top = round_up(timeline.highest());
    let plot_height = HEIGHT - TOP - BOTTOM;
    let plot_width = WIDTH - LEFT - RIGHT;
    let y_of = |count: u64| TOP + plot_height * (1.0 - count as f64 / top as f64);
    push(
        out,
        format_args!(
            "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"Alerts over time, stacked by level\">"
        ),
    );
    for count in grid(top) {
        let y = y_of(count);
        push(
            out,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                thousands(count)
            ),
        );
    }
    let step = plot_width / timeline.buckets.len() as f64;
    // A lone bucket would be a bar as wide as the page.
    let bar_width = (step * 0.86).clamp(1.0, 60.0);
    for (index, counts) in timeline.buckets.iter().enumerate() {
        let total: u64 = counts.iter().sum();
        if total == 0 {
            continue;
        }
        let middle = LEFT + step * (index as f64 + 0.5);
        let from = timeline.start + index as i64 * timeline.width;
        push(
            out,
            format_args!("<g data-filter=\"bucket\" data-number=\"{index}\" tabindex=\"0\" role=\"button\">"),
        );
        push(
            out,
            format_args!(
                "<title>{} UTC, {}: {}",
                clock(from),
                width_name(timeline.width),
                thousands(total)
            ),
        );
        for (level, &count) in LEVELS.into_iter().zip(counts) {
            if count > 0 {
                push(out, format_args!("\n{} {}", thousands(count), level_name(level)));
            }
        }
        // The invisible column makes short bars as easy to hit as tall ones.
        push(
            out,
            format_args!(
                "</title><rect class=\"hit\" x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{plot_height}\"/>",
                middle - bar_width / 2.0,
                bar_width
            ),
        );
        let mut below = 0;
        for (level, &count) in LEVELS.into_iter().zip(counts) {
            if count == 0 {
                continue;
            }
            let bottom = y_of(below);
            below += count;
            // At least a pixel and a half: a single alert beside a flood must not vanish.
            let height = (bottom - y_of(below)).max(1.5);
            push(
                out,
                format_args!(
                    "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{bar_width:.1}\" height=\"{height:.1}\"/>",
                    level_name(level),
                    middle - bar_width / 2.0,
                    bottom - height,
                ),
            );
        }
        out.push_str("</g>");
    }
    push_time_axis(out, timeline, step);
    out.push_str("</svg>");
}

fn push_time_axis(out: &mut String, timeline: &Timeline, step: f64) {
    let every = timeline.buckets.len().div_ceil(LABELS).max(1);
    for index in (0..timeline.buckets.len()).step_by(every) {
        let text = clock(timeline.start + index as i64 * timeline.width);
        // Seconds only where the bars need them, the time of day only where a bar is shorter than a day.
        let shown = match timeline.width {
            0..60 => text.as_str(),
            60..86_400 => text.get(..16).unwrap_or(&text),
            _ => text.get(..10).unwrap_or(&text),
        };
        let x = LEFT + step * index as f64;
        push(
            out,
            format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{}\">{shown}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 5.0,
                HEIGHT - 6.0
            ),
        );
    }
}

/// The next of 1, 2, 4, 5, 10, 20, 40, 50, … so that the axis has round numbers.
fn round_up(count: u64) -> u64 {
    let mut magnitude: u64 = 1;
    loop {
        for factor in [1, 2, 4, 5] {
            let candidate = magnitude.saturating_mul(factor);
            if candidate >= count {
                return candidate;
            }
        }
        magnitude = magnitude.saturating_mul(10);
    }
}

/// Counts that get a line: quarters where they are whole numbers, else halves, else the ends.
fn grid(top: u64) -> Vec<u64> {
    let parts = [4, 5, 2, 1]
        .into_iter()
        .find(|parts| top.is_multiple_of(*parts))
        .unwrap_or(1);
    (0..=parts).map(|part| top / parts * part).collect()
}

/// `1,234,567`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes to a string, which cannot fail.
fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

/// A figure with its name under it.
pub fn tile(out: &mut String, name: &str, figure: &str, class: &str) {
    push(out, format_args!("<div class=\"tile {class}\"><b>"));
    push_html(out, figure);
    out.push_str("</b><span>");
    push_html(out, name);
    out.push_str("</span></div>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_axes_are_round() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(50_000), "50,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(round_up(1), 1);
        assert_eq!(round_up(3), 4);
        assert_eq!(round_up(41), 50);
        assert_eq!(round_up(999), 1000);
        assert_eq!(grid(4), [0, 1, 2, 3, 4]);
        assert_eq!(grid(50), [0, 10, 20, 30, 40, 50]);
        assert_eq!(grid(1), [0, 1]);
        assert!(round_up(u64::MAX) == u64::MAX);
    }

    #[test]
    fn what_is_folded_or_left_out_is_counted() {
        let bars: Vec<Bar> = (0..500)
            .map(|number| Bar {
                label: format!("host-{number}"),
                note: String::new(),
                count: 1000 - number as u64,
                class: "accent",
                number,
            })
            .collect();
        let panel = bar_panel("Hosts", "host", "none", &bars);
        assert_eq!(panel.matches("<li>").count(), WRITTEN);
        assert!(panel.contains("492 more"), "{panel}");
        assert!(
            panel.contains("and 300 rarer ones, none with more than 800"),
            "{panel}"
        );
    }
}
