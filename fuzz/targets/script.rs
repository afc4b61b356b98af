//! Any bytes are a script or a syntax error with a place inside the text; nesting stays bounded.
#![no_main]

use initsh::script::parser;
use initsh::script::source::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let source = Source::new("fuzz", bytes);
    if let Err(error) = parser::parse(&source) {
        let place = source.place(error.span);
        assert!(place.line >= 1 && place.column >= 1);
        assert!(!error.message.is_empty());
    }
    let _ = parser::parse_typed(&source);
});
