//! A whole run against a real server: bots that pace their inputs, over a network that delays and drops.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::path::PathBuf;

use airboat::{config::Config, server::Server};
use airboat_loadtest::{args::Args, page, report::Report, run};
use clap::Parser;

async fn play(name: &str, words: &[&str]) -> Report {
    let folder = std::env::temp_dir().join(format!("airboat-{name}-{}", std::process::id()));
    let modules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../modules");
    let config = Config {
        port: 0,
        data: folder.join("data"),
        certs: folder.join("certs"),
        modules,
        workers: 1,
        ..Config::default()
    };
    let server = Server::start(config).await.unwrap();
    let url = format!("http://{}", server.addr());
    let always =
        ["airboat-loadtest", "--url", &url, "--rooms", "2", "--players", "2", "--seconds", "2", "--warmup", "1"];
    let args = Args::parse_from(always.iter().chain(words));
    args.check().unwrap();
    let report = run::run(&args).await.unwrap();
    server.shutdown().await.unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    assert_eq!(report.errors, 0, "{words:?}: {:?}", report.complaints);
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paced_bots_hear_how_early_they_are() {
    let report = play("paced", &["--transport", "websocket"]).await;
    assert!(report.paced && report.network.is_none());
    assert!(report.slack_ms.p50.is_some() && report.latency_ms.p50.is_some());
    let page = page::render(&report);
    assert!(page.contains("inputs paced") && page.contains("No errors") && page.matches("<svg").count() >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_network_makes_no_errors() {
    for transport in ["quic", "websocket"] {
        let words = ["--transport", transport, "--delay", "10", "--jitter", "5", "--loss", "5", "--seed", "7"];
        let report = play(transport, &words).await;
        // The way there and back is in every figure, whatever the machine does.
        assert!(report.latency_ms.p50.unwrap() >= 20.0, "{transport}: {:?}", report.latency_ms);
        assert_eq!(report.network.unwrap().loss_percent, 5.0);
    }
    let report = play("http", &["--transport", "http", "--delay", "5"]).await;
    assert!(!report.paced && report.latency_ms.p50.unwrap() >= 10.0);
}
