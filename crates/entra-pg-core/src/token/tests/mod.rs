//! The cache as its callers see it, over a scripted endpoint and a paused clock.

mod background;
mod callers;
mod clocks;
mod hedging;
mod properties;
mod public_types;
mod rejections;
mod retries;
mod runtimes;
mod script;
mod status;
