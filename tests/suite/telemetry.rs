//! Captures the events, spans and metrics of one test's thread.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex},
};

use metrics_util::{
    MetricKind,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

/// One event, or one span with all that was recorded in it.
#[derive(Clone, Debug)]
pub struct CapturedEvent {
    pub row: Vec<String>,
    values: BTreeMap<&'static str, String>,
}

impl CapturedEvent {
    fn is(&self, name: &str, values: &[(&str, &str)]) -> bool {
        self.row[0] == name && holds(&self.values, values)
    }
}

fn holds(all: &BTreeMap<&'static str, String>, some: &[(&str, &str)]) -> bool {
    some.iter()
        .all(|(name, value)| all.get(name).is_some_and(|other| other == value))
}

impl Visit for CapturedEvent {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.values.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.values.insert(field.name(), value.to_owned());
    }
}

fn row(kind: &str, metadata: &Metadata<'_>) -> Option<Vec<String>> {
    let fields = metadata.fields().iter().map(|field| field.name());
    let fields: Vec<_> = fields.filter(|name| *name != "message").collect();
    metadata.target().starts_with("entra_pg::").then(|| {
        vec![
            metadata.name().to_owned(),
            kind.to_owned(),
            metadata.target().to_owned(),
            metadata.level().to_string().to_lowercase(),
            fields.join(", "),
        ]
    })
}

#[derive(Clone, Default)]
pub struct EventCapture(Arc<Mutex<Vec<CapturedEvent>>>);

impl EventCapture {
    pub fn captured(&self) -> Vec<CapturedEvent> {
        self.0.lock().expect("no panic").clone()
    }

    pub fn has(&self, name: &str, values: &[(&str, &str)]) -> bool {
        self.captured().iter().any(|event| event.is(name, values))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for EventCapture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(row) = row("event", event.metadata()) {
            let values = BTreeMap::new();
            let mut captured = CapturedEvent { row, values };
            event.record(&mut captured);
            self.0.lock().expect("no panic").push(captured);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(row) = row("span", attributes.metadata()) {
            let values = BTreeMap::new();
            let mut event = CapturedEvent { row, values };
            attributes.record(&mut event);
            let span = context.span(id).expect("it is new");
            span.extensions_mut().insert(event);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("it lives");
        if let Some(event) = span.extensions_mut().get_mut::<CapturedEvent>() {
            record.record(event);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).expect("it still lives");
        if let Some(event) = span.extensions_mut().remove::<CapturedEvent>() {
            self.0.lock().expect("no panic").push(event);
        }
    }
}

/// Reading a snapshot empties it, so this keeps what was read: name and labels, and the sum of a counter, the number of
/// observations of a histogram, the value of a gauge.
pub struct Meters {
    snapshotter: Snapshotter,
    pub rows: BTreeSet<Vec<String>>,
    values: Vec<(String, BTreeMap<&'static str, String>, f64)>,
}

impl Meters {
    pub fn of(recorder: &DebuggingRecorder) -> Self {
        Self {
            snapshotter: recorder.snapshotter(),
            rows: BTreeSet::new(),
            values: Vec::new(),
        }
    }

    /// Forgets what was counted so far.
    pub fn reset(&mut self) {
        self.read();
        self.values.clear();
    }

    pub fn read(&mut self) {
        for (key, unit, _, value) in self.snapshotter.snapshot().into_vec() {
            let (kind, key) = key.into_parts();
            let kind = match kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            };
            let unit = unit.map(|unit| unit.as_str()).unwrap_or_default();
            let names: Vec<_> = key.labels().map(|label| label.key().to_owned()).collect();
            let name = key.name().to_owned();
            let row = [&name, kind, unit, &names.join(", ")];
            self.rows.insert(row.map(str::to_owned).to_vec());
            let labels = key.labels().map(|label| {
                let name: &'static str = label.key().to_owned().leak();
                (name, label.value().to_owned())
            });
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let value = match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(seen) => seen.len() as f64,
            };
            self.values.push((name, labels.collect(), value));
        }
    }

    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matching = self
            .values
            .iter()
            .filter(|(n, l, _)| n == name && holds(l, labels));
        matching.map(|(_, _, value)| value).sum()
    }
}
