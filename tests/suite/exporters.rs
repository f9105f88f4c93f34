//! What Prometheus and OpenTelemetry show, by their real exporters: the names of `docs/observability.md`, and failed spans as failed.

use entra_pg_core::Entra;
use entra_pg_tokio_postgres::connect_and_spawn;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    book::page::page,
    fixtures::{credential, entra, shared, url},
};

// The page's code begins here.
/// Bounds in seconds. A connect ends after 15 s by default, a token request after 75 s.
const CONNECT: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];
const TOKEN: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 75.0];

fn prometheus() -> Result<PrometheusBuilder, BuildError> {
    let name = |name: &str| Matcher::Full(name.to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(name("entra_pg_connect_duration_seconds"), &CONNECT)?
        .set_buckets_for_metric(name("entra_pg_token_request_duration_seconds"), &TOKEN)
}
// It ends here.

#[test]
fn the_page_shows_the_code_that_is_tested() {
    let source = include_str!("exporters.rs");
    let shown = source.split_once("begins here.\n").expect("a beginning").1;
    let shown = shown.split_once("// It ends here.").expect("an end").0;
    let page = page("docs/telemetry.md").text;
    assert!(page.contains(shown.trim()), "the page lacks\n{shown}");
}

/// Name and type of each metric that is listed.
fn listed() -> Vec<(String, String)> {
    let page = page("docs/observability.md").text;
    let rows = page.lines().filter(|line| line.starts_with("| `entra_pg_"));
    rows.map(|row| {
        let cells: Vec<_> = row
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect();
        (cells[1].clone(), cells[2].clone())
    })
    .collect()
}

#[test]
fn prometheus_shows_each_metric_by_the_name_that_is_listed() {
    let listed = listed();
    assert_eq!(listed.len(), 7);
    for builder in [
        prometheus(),
        prometheus().map(|it| it.with_recommended_naming(true)),
    ] {
        let recorder = builder.expect("buckets").build_recorder();
        let handle = recorder.handle();
        let _recorder = metrics::set_default_local_recorder(&recorder);
        // It describes the metrics, with their units.
        drop(Entra::new(credential(shared())));
        for (name, kind) in &listed {
            match kind.as_str() {
                "counter" => metrics::counter!(name.clone()).increment(1),
                "gauge" => metrics::gauge!(name.clone()).set(1.0),
                _ => metrics::histogram!(name.clone()).record(1.0),
            }
        }
        let rendered = handle.render();
        for (name, kind) in &listed {
            for line in [format!("# TYPE {name} {kind}\n"), format!("# HELP {name} ")] {
                assert!(rendered.contains(&line), "{line}\n{rendered}");
            }
            let bucket = format!("{name}_bucket{{le=\"15\"}} 1");
            assert_eq!(
                rendered.contains(&bucket),
                kind == "histogram",
                "{bucket}\n{rendered}"
            );
        }
    }
}

#[tokio::test]
async fn opentelemetry_shows_a_failed_connect_as_an_error_and_a_good_one_not() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    let subscriber = tracing_subscriber::registry().with(spans);
    let subscriber = tracing::subscriber::set_default(subscriber);
    let (emulator, entra) = (shared(), entra(shared()));
    let good = url(emulator, "traced");
    connect_and_spawn(good.as_str(), &entra)
        .await
        .expect("connects");
    let nobody = good.replace("app@", "nobody@");
    connect_and_spawn(nobody, &entra)
        .await
        .expect_err("no such role");
    drop(subscriber);

    let finished = exporter.get_finished_spans().expect("spans");
    let connects = finished.iter().filter(|span| span.name == "connect");
    let statuses: Vec<_> = connects.map(|span| span.status.clone()).collect();
    assert_eq!(statuses, [Status::Unset, Status::error("")]);
}
