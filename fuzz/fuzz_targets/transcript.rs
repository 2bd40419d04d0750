#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| atmqtt_fuzz_checks::transcript(input));
