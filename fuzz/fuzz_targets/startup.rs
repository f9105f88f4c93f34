#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| entra_pg_proxy::fuzzing::startup(data));
