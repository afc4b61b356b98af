//! The format of the cases:
//!
//! ```text
//! === name of the case
//! echo 'the script'
//! --- out
//! the script
//! --- status 0
//!
//! === another one | initsh
//! mount nothing
//! --- err
//! a piece of standard error
//! --- status 1
//! ```
//!
//! `out`, `status` and `err` may be left out: nothing, 0, anything. In `out`, `\xHH` is a byte and a
//! line that ends with `\c` has no newline. Blank lines before `===` do not count.

/// One case.
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Does not run under dash.
    pub initsh_only: bool,
    /// The script.
    pub script: Vec<u8>,
    /// Standard output.
    pub out: Vec<u8>,
    /// Exit status, 128 + N for signal N.
    pub status: i32,
    /// Each must stand somewhere on standard error.
    pub err: Vec<String>,
}

enum Section {
    Script,
    Out,
    Err,
}

/// Reads a file of cases.
pub fn read(text: &[u8]) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    let mut section = Section::Script;
    // Blank lines belong to a section only if something follows them in it.
    let mut blank = 0;
    for line in text.split(|&b| b == b'\n') {
        if let Some(title) = line.strip_prefix(b"=== ") {
            let title = String::from_utf8_lossy(title);
            let (name, initsh_only) = match title.strip_suffix(" | initsh") {
                Some(name) => (name, true),
                None => (title.as_ref(), false),
            };
            if cases.iter().any(|case| case.name == name) {
                return Err(format!("two cases '{name}'"));
            }
            cases.push(Case {
                name: name.to_owned(),
                initsh_only,
                script: Vec::new(),
                out: Vec::new(),
                status: 0,
                err: Vec::new(),
            });
            section = Section::Script;
            blank = 0;
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        if let Some(heading) = line.strip_prefix(b"--- ") {
            blank = 0;
            section = match heading {
                b"out" => Section::Out,
                b"err" => Section::Err,
                _ => {
                    let heading = String::from_utf8_lossy(heading);
                    let status = heading.strip_prefix("status ").and_then(|n| n.parse().ok());
                    case.status = status.ok_or_else(|| format!("{}: --- {heading}?", case.name))?;
                    continue;
                }
            };
        } else if line.is_empty() {
            blank += 1;
        } else {
            let blanks = vec![b'\n'; std::mem::take(&mut blank)];
            match section {
                Section::Script => {
                    case.script.extend_from_slice(&blanks);
                    case.script.extend_from_slice(line);
                    case.script.push(b'\n');
                }
                Section::Out => {
                    case.out.extend_from_slice(&blanks);
                    unescape(line, &mut case.out);
                }
                Section::Err => case.err.push(String::from_utf8_lossy(line).into_owned()),
            }
        }
    }
    Ok(cases)
}

fn unescape(line: &[u8], to: &mut Vec<u8>) {
    let (line, end) = match line.strip_suffix(b"\\c") {
        Some(line) => (line, &b""[..]),
        None => (line, &b"\n"[..]),
    };
    let mut rest = line;
    while let [first, after @ ..] = rest {
        rest = after;
        let digits = |digits: &[u8]| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 16).ok()
        };
        match after {
            [b'x', high, low, after @ ..] if *first == b'\\' => match digits(&[*high, *low]) {
                Some(byte) => {
                    to.push(byte);
                    rest = after;
                }
                None => to.push(*first),
            },
            _ => to.push(*first),
        }
    }
    to.extend_from_slice(end);
}

/// Output as it is written in a case.
pub fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() && !matches!(c, '\n' | '\t') {
                text.extend_from_slice(format!("\\x{:02x}", u32::from(c)).as_bytes());
            } else {
                text.extend_from_slice(c.to_string().as_bytes());
            }
        }
        for byte in chunk.invalid() {
            text.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        text.extend_from_slice(b"\\c\n");
    }
    text
}
