//! JSON, written only (RFC 8259). Invariant: whatever bytes go in, the text that comes out is valid
//! JSON on one line; commas are put where they belong by looking at what was written last.

use std::fmt::Write;

/// JSON text as it grows. Values and keys are written in order; the caller closes what it opens.
#[derive(Debug, Default)]
pub struct Json {
    text: String,
}

impl Json {
    /// Opens an object.
    pub fn object(&mut self) -> &mut Self {
        self.comma();
        self.text.push('{');
        self
    }

    /// Closes an object.
    pub fn end_object(&mut self) -> &mut Self {
        self.text.push('}');
        self
    }

    /// Opens an array.
    pub fn array(&mut self) -> &mut Self {
        self.comma();
        self.text.push('[');
        self
    }

    /// Closes an array.
    pub fn end_array(&mut self) -> &mut Self {
        self.text.push(']');
        self
    }

    /// The name of the value that comes next in an object.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.text.push(':');
        self
    }

    /// A string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.comma();
        self.text.push('"');
        for c in value.chars() {
            self.escaped(c);
        }
        self.text.push('"');
        self
    }

    /// A string of bytes; what is not UTF-8 becomes U+FFFD.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.text(&String::from_utf8_lossy(value))
    }

    /// A whole number from 0 on.
    pub fn number(&mut self, value: impl Into<u64>) -> &mut Self {
        self.comma();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{}", value.into());
        self
    }

    /// A whole number that may be negative.
    pub fn signed(&mut self, value: i64) -> &mut Self {
        self.comma();
        let _ = write!(self.text, "{value}");
        self
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.comma();
        self.text.push_str(if value { "true" } else { "false" });
        self
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.comma();
        self.text.push_str("null");
        self
    }

    /// Ends a line; the next value begins a new text (JSON lines).
    pub fn line(&mut self) -> &mut Self {
        self.text.push('\n');
        self
    }

    /// What has been written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn comma(&mut self) {
        match self.text.as_bytes().last() {
            None | Some(b'{' | b'[' | b':' | b'\n') => {}
            Some(_) => self.text.push(','),
        }
    }

    fn escaped(&mut self, c: char) {
        match c {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            '\n' => self.text.push_str("\\n"),
            '\r' => self.text.push_str("\\r"),
            '\t' => self.text.push_str("\\t"),
            // DEL, too: it is harmless in JSON but not on a terminal.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' => {
                let _ = write!(self.text, "\\u{:04x}", u32::from(c));
            }
            _ => self.text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_where_they_belong() {
        let mut json = Json::default();
        json.array();
        json.object()
            .key("name")
            .text("lo")
            .key("mtu")
            .number(65536u32);
        json.key("up").boolean(true).key("master").null();
        json.key("list").array().end_array().key("last").object();
        json.end_object().end_object();
        json.object().end_object().end_array().line();
        json.signed(-1).line();
        assert_eq!(
            json.as_str(),
            "[{\"name\":\"lo\",\"mtu\":65536,\"up\":true,\"master\":null,\
             \"list\":[],\"last\":{}},{}]\n-1\n"
        );
    }

    #[test]
    fn every_byte_is_escaped_that_must_be() {
        let mut json = Json::default();
        json.bytes(b"a\"b\\c\n\x00\x1b[0m\x7f\xff{,");
        assert_eq!(
            json.as_str(),
            "\"a\\\"b\\\\c\\n\\u0000\\u001b[0m\\u007f\u{fffd}{,\""
        );
    }

    #[test]
    fn a_string_that_ends_like_an_opening_gets_its_comma() {
        let mut json = Json::default();
        json.array().text("[").text("x\n").text("").end_array();
        assert_eq!(json.as_str(), "[\"[\",\"x\\n\",\"\"]");
    }
}
