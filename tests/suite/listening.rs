//! Subscriber and recorder for one test's thread: what is said to logs and traces, and what is counted.

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
pub struct Said {
    pub row: Vec<String>,
    values: BTreeMap<&'static str, String>,
}

impl Said {
    fn is(&self, name: &str, values: &[(&str, &str)]) -> bool {
        self.row[0] == name && holds(&self.values, values)
    }
}

fn holds(all: &BTreeMap<&'static str, String>, some: &[(&str, &str)]) -> bool {
    some.iter()
        .all(|(name, value)| all.get(name).is_some_and(|other| other == value))
}

impl Visit for Said {
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
pub struct Ear(Arc<Mutex<Vec<Said>>>);

impl Ear {
    pub fn said(&self) -> Vec<Said> {
        self.0.lock().expect("no panic").clone()
    }

    pub fn has(&self, name: &str, values: &[(&str, &str)]) -> bool {
        self.said().iter().any(|said| said.is(name, values))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(row) = row("event", event.metadata()) {
            let values = BTreeMap::new();
            let mut said = Said { row, values };
            event.record(&mut said);
            self.0.lock().expect("no panic").push(said);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(row) = row("span", attributes.metadata()) {
            let values = BTreeMap::new();
            let mut said = Said { row, values };
            attributes.record(&mut said);
            let span = context.span(id).expect("it is new");
            span.extensions_mut().insert(said);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("it lives");
        if let Some(said) = span.extensions_mut().get_mut::<Said>() {
            record.record(said);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).expect("it still lives");
        if let Some(said) = span.extensions_mut().remove::<Said>() {
            self.0.lock().expect("no panic").push(said);
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
