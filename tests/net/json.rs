//! JSON, read only, and only as well as tests need: to compare what two programs say.

use std::collections::BTreeMap;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    Array(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// Reads a whole text; panics where it is not JSON.
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader { rest: text.trim() };
        let value = reader.value();
        assert_eq!(reader.rest, "", "after the JSON in {text}");
        value
    }

    /// The elements of an array.
    pub fn all(&self) -> &[Value] {
        match self {
            Self::Array(values) => values,
            other => panic!("not an array: {other:?}"),
        }
    }

    /// A member of an object; `Null` where it has no such member.
    pub fn get(&self, key: &str) -> &Value {
        match self {
            Self::Object(members) => members.get(key).unwrap_or(&Value::Null),
            other => panic!("not an object: {other:?}"),
        }
    }

    /// A string; empty for null.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Null => "",
            other => panic!("not a string: {other:?}"),
        }
    }

    /// A whole number; 0 for null.
    pub fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number as u64,
            Self::Null => 0,
            other => panic!("not a number: {other:?}"),
        }
    }

    /// The element of an array of objects whose member `key` is `value`.
    pub fn find(&self, key: &str, value: &str) -> &Value {
        let found = self.all().iter().find(|one| one.get(key).text() == value);
        found.unwrap_or_else(|| panic!("no {key} {value} in {self:?}"))
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self) -> Value {
        self.skip();
        for (word, value) in [
            ("null", Value::Null),
            ("true", Value::Boolean(true)),
            ("false", Value::Boolean(false)),
        ] {
            if self.take(word) {
                return value;
            }
        }
        if self.take("[") {
            return Value::Array(self.list("]", Self::value));
        }
        if self.take("{") {
            let members = self.list("}", |reader| {
                reader.skip();
                let key = reader.string();
                reader.skip();
                assert!(reader.take(":"), "no colon: {}", reader.rest);
                (key, reader.value())
            });
            return Value::Object(members.into_iter().collect());
        }
        if self.rest.starts_with('"') {
            return Value::Text(self.string());
        }
        let digit = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let end = self.rest.find(|c| !digit(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        Value::Number(
            number
                .parse()
                .unwrap_or_else(|_| panic!("{number:?}{rest}")),
        )
    }

    fn list<T>(&mut self, end: &str, item: fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.skip();
        if self.take(end) {
            return items;
        }
        loop {
            items.push(item(self));
            self.skip();
            if self.take(end) {
                return items;
            }
            assert!(self.take(","), "no comma: {}", self.rest);
        }
    }

    fn string(&mut self) -> String {
        assert!(self.take("\""), "no string: {}", self.rest);
        let mut text = String::new();
        loop {
            let c = self.rest.chars().next().expect("an unended string");
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '"' => return text,
                '\\' => text.push(self.escape()),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> char {
        let c = self.rest.chars().next().expect("an unended string");
        self.rest = &self.rest[1..];
        match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'u' => {
                let (digits, rest) = self.rest.split_at(4);
                self.rest = rest;
                let code = u32::from_str_radix(digits, 16).expect("four hexadecimal digits");
                char::from_u32(code).expect("a character")
            }
            other => other,
        }
    }

    fn take(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }
}
