//! A run as one page of HTML: figures, and charts as SVG. It needs nothing from anywhere and follows the reader's light or
//! dark.

use std::fmt::Write as _;

use crate::{report::Report, stats::Durations};

/// The colours of all our pages.
const TOKENS: &str = include_str!("../../clients/web/design/tokens.css");
const STYLE: &str = include_str!("page.css");

/// Of a chart, in the units of its own drawing.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 36.0;
const RIGHT: f64 = 352.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 146.0;
const BINS: usize = 60;

pub fn render(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{TOKENS}{STYLE}</style><main><header><p>airboat-loadtest</p><h1>{module} over \
         {transport}</h1><p>{rooms} rooms of {players} players, {seconds} s, inputs {paced}{network}</p></header>",
        title = escape(&report.title()),
        module = escape(&report.module),
        transport = report.transport,
        rooms = report.rooms,
        players = report.players,
        seconds = report.seconds,
        paced = if report.paced { "paced" } else { "not paced" },
        network = network(report),
    );
    page += &verdict(report);
    page += &tiles(report);
    page += &charts(report);
    page += &details(report);
    page + "</main></html>\n"
}

fn network(report: &Report) -> String {
    report.network.map_or(String::new(), |n| {
        format!(
            "; through a relay: {} ms each way, up to {} ms more, {} % lost (seed {})",
            n.delay_ms, n.jitter_ms, n.loss_percent, n.seed
        )
    })
}

fn verdict(report: &Report) -> String {
    let mut out = String::new();
    let oracle = &report.oracle;
    if report.errors == 0 {
        let _ = write!(
            out,
            "<p class=\"verdict good\"><b>No errors.</b> {} positions followed exactly, {} worlds and {} documents equal to \
             the room's own.</p>",
            thousands(oracle.positions_exact as f64),
            thousands(oracle.worlds_compared as f64),
            thousands(oracle.documents_compared as f64)
        );
    } else {
        let _ = write!(out, "<div class=\"verdict bad\"><b>{} errors.</b><ul>", thousands(report.errors as f64));
        for sentence in &report.complaints {
            let _ = write!(out, "<li>{}</li>", escape(sentence));
        }
        out += "</ul></div>";
    }
    if report.bot_limited {
        out += "<p class=\"verdict warn\"><b>The bots were the bottleneck.</b> They sent late or used up their cores: what is \
                measured here is partly themselves.</p>";
    }
    out
}

fn tiles(report: &Report) -> String {
    let mut out = String::from("<section class=\"tiles\">");
    let mut tile = |name: &str, value: Option<f64>, digits: usize, unit: &str, below: String| {
        let value = value.map_or("–".into(), |v| if digits == 0 { thousands(v) } else { format!("{v:.digits$}") });
        let _ = write!(
            out,
            "<div><h2>{name}</h2><p class=\"figure\">{value} <small>{unit}</small></p><p>{below}</p></div>"
        );
    };
    let p99 = |value: Option<f64>| value.map_or("nothing measured".into(), |ms| format!("99 of 100 below {ms:.1} ms"));
    tile("Input to state", report.latency_ms.p50, 1, "ms", p99(report.latency_ms.p99));
    tile("Age of state", report.state_age_ms.p50, 1, "ms", p99(report.state_age_ms.p99));
    let inputs = format!("{:.2} inputs applied", report.inputs_applied_per_player_s);
    tile("Snapshots a player", Some(report.snapshots_per_player_s), 2, "/s", inputs);
    let early = format!("{:.2} % late, {:.2} % of ticks without", report.late_percent, report.substituted_percent);
    tile("Inputs early by", report.slack_ms.p50, 1, "ms", early);
    let bytes = format!("{:.0} B a snapshot, documents and all", report.frame_bytes().1);
    tile("Received a player", Some(report.rx_bytes_per_player_s), 0, "B/s", bytes);
    let floor = report.floor.as_ref().and_then(|floor| floor.server_cpu_us_per_connection_s).zip(report.times_floor);
    let floor = floor.map_or("of the server".into(), |(floor, times)| format!("{times:.2} × the floor of {floor:.0}"));
    tile("CPU a player-second", report.server_cpu_us_per_player_s, 0, "µs", floor);
    tile("Memory, peak", report.server_rss_mb_peak, 1, "MB", "of the server".into());
    out + "</section>"
}

fn charts(report: &Report) -> String {
    let charts = &report.charts;
    let mut out = String::from("<section class=\"charts\">");
    out += &distribution("Input to state", "ms from sending an input to the state that has it", &charts.latency);
    out += &distribution("Age of state", "ms since the shown tick was stepped", &charts.state_age);
    out += &distribution("Inputs early by", "ms between arrival and tick", &charts.slack);
    out += &distribution("Bots late by", "ms after an input was due: the bots' own fault", &charts.lateness);
    let seconds = |at: usize, value: f64| (at as f64 + 0.5, value);
    let points: Vec<_> = charts.by_second.iter().enumerate().map(|(at, n)| seconds(at, *n)).collect();
    out += &line("Snapshots a player", "each second of the measurement", &points);
    let cpu: Vec<_> = charts
        .server
        .windows(6)
        .step_by(5)
        .map(|moments| (moments[0], moments[5]))
        .map(|(a, b)| (b.at_us as f64 / 1e6, 1e8 * (b.cpu_s - a.cpu_s) / (b.at_us - a.at_us).max(1) as f64))
        .collect();
    out += &line("Server's CPU", "% of one core", &cpu);
    let memory: Vec<_> = charts.server.iter().map(|moment| (moment.at_us as f64 / 1e6, moment.rss_mb)).collect();
    out += &line("Server's memory", "MB resident", &memory);
    out + "</section>"
}

/// Nothing where nothing was measured.
fn distribution(name: &str, what: &str, durations: &Durations) -> String {
    let at = |percentile| durations.percentile_ms(percentile);
    let (Some(p50), Some(p99), Some(most)) = (at(50.0), at(99.0), at(99.8)) else { return String::new() };
    let most = nice(most.max(0.1));
    let shares = durations.shares(most, BINS);
    let highest = shares.iter().copied().fold(1e-9, f64::max);
    let x = |ms: f64| LEFT + (RIGHT - LEFT) * ms.min(most) / most;
    let mut inside = axis_x(most, "ms");
    for (bin, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        let height = ((BOTTOM - TOP - 14.0) * share / highest).max(0.8); // below the labels
        let width = (RIGHT - LEFT) / BINS as f64;
        let (left, top) = (LEFT + width * bin as f64 + 0.5, BOTTOM - height);
        let range = format!("{:.1}–{:.1} ms", most * bin as f64 / BINS as f64, most * (bin + 1) as f64 / BINS as f64);
        let _ = write!(
            inside,
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"1.5\">\
             <title>{range}: {:.1} %</title></rect>",
            width - 1.0,
            share * 100.0
        );
    }
    for (label, ms) in [("p50", p50), ("p99", p99)] {
        let at = x(ms);
        let (anchor, shift) = if at > WIDTH / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
        let height = if label == "p50" { TOP - 4.0 } else { TOP + 8.0 };
        let _ = write!(
            inside,
            "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{BOTTOM}\"/>\
             <text class=\"label\" x=\"{:.1}\" y=\"{height:.1}\" text-anchor=\"{anchor}\">{label} {ms:.1}</text>",
            TOP - 14.0,
            at + shift
        );
    }
    chart(name, what, &inside)
}

fn line(name: &str, what: &str, points: &[(f64, f64)]) -> String {
    if points.len() < 2 {
        return String::new();
    }
    let (end, most) = points.iter().fold((0.0_f64, 0.1_f64), |(x, y), point| (x.max(point.0), y.max(point.1)));
    let (end, most) = (end.max(1.0), nice(most));
    let place = |(x, y): (f64, f64)| (LEFT + (RIGHT - LEFT) * x / end, BOTTOM - (BOTTOM - TOP) * y / most);
    let mut inside = axis_x(end, "s");
    for share in [0.5, 1.0] {
        let (_, y) = place((0.0, most * share));
        let _ = write!(
            inside,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 5.0,
            y + 3.5,
            short(most * share)
        );
    }
    let path: Vec<String> = points.iter().map(|point| place(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (first, last) = (place(points[0]), place(points[points.len() - 1]));
    let _ = write!(
        inside,
        "<path class=\"area\" d=\"M{:.1},{BOTTOM} L{} L{:.1},{BOTTOM} Z\"/><path class=\"line\" d=\"M{}\"/>",
        first.0,
        path.join(" L"),
        last.0,
        path.join(" L")
    );
    let newest = points[points.len() - 1].1;
    let _ = write!(
        inside,
        "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/><text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" \
         text-anchor=\"end\">{}</text>",
        last.0,
        last.1,
        last.0 - 2.0,
        (last.1 - 8.0).max(TOP - 8.0),
        short(newest)
    );
    chart(name, what, &inside)
}

fn axis_x(end: f64, unit: &str) -> String {
    let mut out = format!("<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>");
    for quarter in 0..=4 {
        let at = f64::from(quarter) / 4.0;
        let unit = if quarter == 4 { format!(" {unit}") } else { String::new() };
        let anchor = if quarter == 4 { "end" } else { "middle" };
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}{unit}</text>",
            LEFT + (RIGHT - LEFT) * at,
            BOTTOM + 15.0,
            short(end * at)
        );
    }
    out
}

fn chart(name: &str, what: &str, inside: &str) -> String {
    format!(
        "<figure><figcaption><b>{name}</b> {what}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{name}: {what}\">{inside}</svg></figure>"
    )
}

fn details(report: &Report) -> String {
    format!("<details><summary>All figures</summary><pre>{}</pre></details>", escape(&report.table()))
}

/// The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten.
fn nice(most: f64) -> f64 {
    let power = 10f64.powf(most.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    power * steps.into_iter().find(|step| *step * power >= most).unwrap_or(10.0)
}

fn short(value: f64) -> String {
    let text = if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        args::Args,
        report::{Load, Moment},
        stats::Stats,
    };
    use clap::Parser;

    #[test]
    fn the_page_has_the_figures_and_needs_nothing_else() {
        let args = Args::parse_from(["airboat-loadtest", "--transport", "quic", "--delay", "25", "--loss", "5"]);
        let mut stats =
            Stats { played_us: 2_000_000, rx_bytes: 24_690, by_second: vec![2400, 2400], ..Stats::default() };
        stats.complain("<bot> 3 & its tank".into());
        for n in 0..1_000 {
            stats.latency.record(f64::from(n) * 10.0);
            stats.lateness.record(50.0);
        }
        let moment = |n: u64| Moment { at_us: n * 100_000, cpu_s: n as f64 * 0.013, rss_mb: 20.0 };
        let load = Load { wall_s: 2.0, server: (0..20).map(moment).collect(), ..Load::default() };
        let page = render(&Report::new(&args, &stats, &load));
        for part in
            ["tank8 over quic", "25 ms each way", "12,345", "p50 5.0", "p99 9.9", "&lt;bot&gt; 3 &amp; its tank", "13"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<svg").count(), 5, "what was not measured has no chart");
        assert!(
            !page.contains("http://") && !page.contains("https://") && !page.contains("NaN") && !page.contains("<bot>")
        );
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0.7, 12.1, 33.0, 99.0, 100.0].map(nice), [0.8, 15.0, 40.0, 100.0, 100.0]);
        assert_eq!([0.0, 12.5, 1500.0].map(short), ["0", "12.5", "1500"]);
        assert_eq!([7.0, 1234.0, 1_234_567.0].map(thousands), ["7", "1,234", "1,234,567"]);
    }
}
