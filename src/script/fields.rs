//! Field splitting (POSIX XCU 2.6.5) as text arrives piece by piece. Invariant: only what an unquoted
//! expansion yields is split; every byte keeps whether it was quoted, for the patterns later.

/// A field: its bytes, each with whether it was quoted.
pub type Field = Vec<(u8, bool)>;

/// Collects the fields of a word.
#[derive(Default)]
pub struct Fields {
    /// Otherwise everything is joined into one field.
    splits: bool,
    done: Vec<Field>,
    current: Option<Field>,
    /// Whitespace ended the last field: a separator right after it ends no further one.
    after_space: bool,
}

impl Fields {
    /// Splits what is expanded.
    pub fn splitting() -> Self {
        Self {
            splits: true,
            ..Self::default()
        }
    }

    /// Splits nowhere.
    pub fn joining() -> Self {
        Self::default()
    }

    /// Whether it asks for `IFS`: most words do not.
    pub fn splits(&self) -> bool {
        self.splits
    }

    /// Text of the script itself: not split, may be a pattern.
    pub fn literal(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.push(text, false);
        }
    }

    /// Quoted text: a field even where it is empty.
    pub fn quoted(&mut self, text: &[u8]) {
        self.push(text, true);
    }

    /// What an unquoted expansion yields, to be split at these separators.
    pub fn expanded(&mut self, text: &[u8], separators: &[u8]) {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|b| separators.contains(b)) {
            self.literal(&rest[..at]);
            self.separate(rest[at]);
            rest = &rest[at + 1..];
        }
        self.literal(rest);
    }

    /// Between two parameters of `$@` or unquoted `$*`: a new field.
    pub fn boundary(&mut self) {
        self.after_space = false;
        self.done.extend(self.current.take());
    }

    /// What was joined; nothing may have been split.
    pub fn joined(self) -> Field {
        self.current.unwrap_or_default()
    }

    /// All fields.
    pub fn finish(mut self) -> Vec<Field> {
        self.done.extend(self.current.take());
        self.done
    }

    fn push(&mut self, text: &[u8], quoted: bool) {
        self.after_space = false;
        let field = self.current.get_or_insert_default();
        field.extend(text.iter().map(|&byte| (byte, quoted)));
    }

    fn separate(&mut self, byte: u8) {
        let space = matches!(byte, b' ' | b'\t' | b'\n');
        match self.current.take() {
            Some(field) => {
                self.done.push(field);
                self.after_space = space;
            }
            None if space => {}
            None if self.after_space => self.after_space = false,
            None => self.done.push(Field::new()),
        }
    }
}

/// What `read` assigns: at most `most` fields (at least 1); the last holds the rest of the line with its
/// separators, but without whitespace around it.
pub fn read_fields(line: &[(u8, bool)], ifs: &[u8], most: usize) -> Vec<Vec<u8>> {
    let separates = |&(byte, quoted): &(u8, bool)| !quoted && ifs.contains(&byte);
    let blank = |b: &(u8, bool)| separates(b) && matches!(b.0, b' ' | b'\t' | b'\n');
    let plain = |field: &[(u8, bool)]| field.iter().map(|&(byte, _)| byte).collect::<Vec<u8>>();
    let skip = |rest: &[(u8, bool)]| rest.iter().take_while(|b| blank(b)).count();
    let mut fields = Vec::new();
    let mut rest = &line[skip(line)..];
    while !rest.is_empty() {
        if fields.len() + 1 == most {
            fields.push(plain(last_field(rest, &separates, &blank)));
            break;
        }
        let end = rest.iter().position(separates).unwrap_or(rest.len());
        fields.push(plain(&rest[..end]));
        rest = &rest[end..];
        rest = &rest[skip(rest)..];
        // One separator with the whitespace on both sides of it is one end of a field.
        if rest.first().is_some_and(separates) {
            rest = &rest[1..];
            rest = &rest[skip(rest)..];
        }
    }
    fields
}

/// The last field of `read`: whitespace behind it goes, and one separator if it is all that follows a
/// field without any (POSIX XCU read: `a:` is one field).
fn last_field<'a>(
    rest: &'a [(u8, bool)],
    separates: &dyn Fn(&(u8, bool)) -> bool,
    blank: &dyn Fn(&(u8, bool)) -> bool,
) -> &'a [(u8, bool)] {
    let trim = |rest: &'a [(u8, bool)]| {
        let end = rest.iter().rposition(|b| !blank(b)).map_or(0, |at| at + 1);
        &rest[..end]
    };
    let rest = trim(rest);
    match rest.split_last() {
        Some((last, before)) if separates(last) && !trim(before).iter().any(separates) => {
            trim(before)
        }
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(ifs: &str, text: &str) -> Vec<String> {
        let mut fields = Fields::splitting();
        fields.expanded(text.as_bytes(), ifs.as_bytes());
        shown(fields)
    }

    fn shown(fields: Fields) -> Vec<String> {
        let text = |field: Field| field.iter().map(|&(b, _)| char::from(b)).collect();
        fields.finish().into_iter().map(text).collect()
    }

    #[test]
    fn whitespace_merges_other_separators_do_not() {
        assert_eq!(split(" \t\n", "  a \n b  "), ["a", "b"]);
        assert_eq!(split(":", "a::b:"), ["a", "", "b"]);
        assert_eq!(split(":", ":a"), ["", "a"]);
        assert_eq!(split(": ", "a : b"), ["a", "b"]);
        assert_eq!(split(": ", "a: :b"), ["a", "", "b"]);
        assert_eq!(split("", "a b"), ["a b"]);
        assert!(split(" ", "   ").is_empty());
    }

    #[test]
    fn read_gives_the_rest_to_the_last() {
        let read = |ifs: &str, line: &str, most| {
            let line: Vec<_> = line.bytes().map(|b| (b, false)).collect();
            let fields = read_fields(&line, ifs.as_bytes(), most).into_iter();
            let fields = fields.map(|field| String::from_utf8(field).unwrap());
            fields.collect::<Vec<_>>().join("|")
        };
        assert_eq!(read(" \t\n", "  a b  c ", 2), "a|b  c");
        assert_eq!(read(" \t\n", " a ", 1), "a");
        assert_eq!(read("=", "k=v=w", 2), "k|v=w");
        assert_eq!(read(":", "a::b", 3), "a||b");
        assert_eq!(read(":", "a:", 1), "a");
        assert_eq!(read(" :", "a : ", 1), "a");
        assert_eq!(read(" :", "a b:", 1), "a b:");
        assert_eq!(read("", " a ", 1), " a ");
        assert_eq!(read(",", "1,2", 2), "1|2");
    }

    #[test]
    fn quoted_text_is_one_field() {
        let mut fields = Fields::splitting();
        fields.literal(b"x");
        fields.quoted(b" y ");
        fields.expanded(b"z w", b" ");
        assert_eq!(shown(fields), ["x y z", "w"]);
        let mut fields = Fields::splitting();
        fields.quoted(b"");
        assert_eq!(shown(fields), [""]);
    }

    #[test]
    fn parameters_are_fields_of_their_own() {
        let mut fields = Fields::splitting();
        fields.literal(b"<");
        fields.quoted(b"a b");
        fields.boundary();
        fields.quoted(b"c");
        fields.literal(b">");
        assert_eq!(shown(fields), ["<a b", "c>"]);
    }
}
