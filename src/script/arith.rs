//! `$((…))`: evaluates the text of an arithmetic expression after its expansion. As dash does it:
//! 64-bit numbers that wrap around, constants that saturate, variables that hold numbers (not
//! expressions). Invariant: nothing is assigned, and no division fails, where `&&`, `||` or `?:` leave
//! a part out.

use super::lexer::DEEPEST;
use super::words::{begins_name, in_name};

/// The variables that an expression reads and assigns.
pub trait Variables {
    /// The value of a variable; `None` where it is unset (counts as 0).
    fn get(&self, name: &str) -> Option<&[u8]>;

    /// Assigns a variable.
    ///
    /// Errors: why it cannot be assigned (`x: read-only`).
    fn set(&mut self, name: &str, value: i64) -> Result<(), String>;
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArithError {
    /// For people: what was found and what was expected.
    pub message: String,
}

/// The value of an expression (POSIX XCU 2.6.4, all operators of C but `++`, `--`, `,` and `sizeof`).
///
/// Errors: not an expression, not a number, division by zero, nesting over 200.
pub fn evaluate(text: &[u8], variables: &mut dyn Variables) -> Result<i64, ArithError> {
    let mut evaluator = Evaluator {
        text,
        at: 0,
        depth: 0,
        variables,
    };
    let value = evaluator.assignment(true)?;
    match evaluator.peek() {
        None => Ok(value),
        Some(_) => evaluator.fail("an operator or the end"),
    }
}

/// Binary operators by how tightly they bind, loosest first.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Every operator, longest first, so that `<` is not seen where `<<=` stands.
const OPERATORS: &[&str] = &[
    "<<=", ">>=", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=", "%=",
    "&=", "|=", "^=", "|", "^", "&", "<", ">", "+", "-", "*", "/", "%", "=", "?", ":", "(", ")",
    "!", "~",
];

struct Evaluator<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    variables: &'a mut dyn Variables,
}

type Outcome<T> = Result<T, ArithError>;

fn error<T>(message: impl Into<String>) -> Outcome<T> {
    Err(ArithError {
        message: message.into(),
    })
}

impl<'a> Evaluator<'a> {
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        let blank = |b: &&u8| matches!(**b, b' ' | b'\t' | b'\n' | b'\r');
        self.at += rest.iter().take_while(blank).count();
        self.text.get(self.at).copied()
    }

    /// The operator that stands here.
    fn operator(&mut self) -> Option<&'static str> {
        let first = self.peek().filter(u8::is_ascii_punctuation)?;
        let rest = &self.text[self.at..];
        let mut operators = OPERATORS.iter().copied().map(str::as_bytes);
        let found = operators.position(|o| o[0] == first && rest.starts_with(o))?;
        Some(OPERATORS[found])
    }

    fn eat(&mut self, operator: &str) -> bool {
        let found = self.operator() == Some(operator);
        if found {
            self.at += operator.len();
        }
        found
    }

    fn fail<T>(&mut self, expected: &str) -> Outcome<T> {
        const LONGEST: usize = 20;
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(_) => {
                let rest = String::from_utf8_lossy(&self.text[self.at..]);
                format!("'{}'", rest.chars().take(LONGEST).collect::<String>())
            }
        };
        error(format!("arithmetic: expected {expected}, found {found}"))
    }

    fn enter(&mut self) -> Outcome<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return error(format!("arithmetic: nested more than {DEEPEST} deep"));
        }
        Ok(())
    }

    /// `name = …`, else a condition. `live`: its effects count.
    fn assignment(&mut self, live: bool) -> Outcome<i64> {
        self.enter()?;
        let back = self.at;
        let value = match self.assigned() {
            Some((name, operator)) => {
                let right = self.assignment(live)?;
                self.assign(name, operator, right, live)?
            }
            None => {
                self.at = back;
                self.conditional(live)?
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    /// A name and an assignment operator, without its `=`.
    fn assigned(&mut self) -> Option<(&'a str, &'static str)> {
        let name = self.name()?;
        let operator = self.operator()?;
        let base = operator.strip_suffix('=')?;
        if matches!(operator, "==" | "!=" | "<=" | ">=") {
            return None;
        }
        self.at += operator.len();
        Some((name, base))
    }

    fn assign(&mut self, name: &str, operator: &str, right: i64, live: bool) -> Outcome<i64> {
        let value = if operator.is_empty() {
            right
        } else {
            let left = self.variable(name)?;
            apply(operator, left, right, live)?
        };
        if live {
            let set = self.variables.set(name, value);
            set.map_err(|message| ArithError { message })?;
        }
        Ok(value)
    }

    fn conditional(&mut self, live: bool) -> Outcome<i64> {
        let condition = self.binary(0, live)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        self.enter()?;
        let then = self.assignment(live && condition != 0)?;
        if !self.eat(":") {
            return self.fail("':'");
        }
        let otherwise = self.conditional(live && condition == 0)?;
        self.depth -= 1;
        Ok(if condition != 0 { then } else { otherwise })
    }

    /// Operators that bind at least as tightly as those of `loosest` (a row of [`LEVELS`]).
    fn binary(&mut self, loosest: usize, live: bool) -> Outcome<i64> {
        let mut left = self.unary(live)?;
        while let Some((operator, level)) = self.binary_operator(loosest) {
            self.at += operator.len();
            let counts = match operator {
                "&&" => live && left != 0,
                "||" => live && left == 0,
                _ => live,
            };
            let right = self.binary(level + 1, counts)?;
            left = apply(operator, left, right, counts)?;
        }
        Ok(left)
    }

    fn binary_operator(&mut self, loosest: usize) -> Option<(&'static str, usize)> {
        let operator = self.operator()?;
        let level = LEVELS.iter().position(|level| level.contains(&operator))?;
        (level >= loosest).then_some((operator, level))
    }

    fn unary(&mut self, live: bool) -> Outcome<i64> {
        let operator = self.operator();
        let Some(operator @ ("+" | "-" | "!" | "~")) = operator else {
            return self.primary(live);
        };
        self.enter()?;
        self.at += operator.len();
        let value = self.unary(live)?;
        self.depth -= 1;
        Ok(match operator {
            "-" => value.wrapping_neg(),
            "!" => i64::from(value == 0),
            "~" => !value,
            _ => value,
        })
    }

    fn primary(&mut self, live: bool) -> Outcome<i64> {
        if self.eat("(") {
            let value = self.assignment(live)?;
            if !self.eat(")") {
                return self.fail("')'");
            }
            return Ok(value);
        }
        if let Some(name) = self.name() {
            return self.variable(name);
        }
        let (size, length) = number(&self.text[self.at..]);
        if length == 0 {
            return self.fail("a number, a name or '('");
        }
        self.at += length;
        Ok(0i64.saturating_add_unsigned(size))
    }

    fn name(&mut self) -> Option<&'a str> {
        self.peek().filter(|&byte| begins_name(byte))?;
        let text = self.text;
        let rest = &text[self.at..];
        let length = rest.iter().take_while(|&&b| in_name(b)).count();
        self.at += length;
        // Names are ASCII.
        str::from_utf8(&rest[..length]).ok()
    }

    /// The number that a variable holds; nothing, or only blanks, count as 0.
    fn variable(&mut self, name: &str) -> Outcome<i64> {
        let value = self.variables.get(name).unwrap_or_default();
        let text = value.trim_ascii();
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        let (size, length) = number(digits);
        if length < digits.len() || (length == 0 && !text.is_empty()) {
            let value = String::from_utf8_lossy(value);
            return error(format!("arithmetic: {name} is not a number: '{value}'"));
        }
        Ok(if negative {
            0i64.saturating_sub_unsigned(size)
        } else {
            0i64.saturating_add_unsigned(size)
        })
    }
}

/// The size that a text begins with (decimal, 0x hexadecimal, 0 octal), and how long it is. Too large
/// a size is the largest one, as with strtoimax(3).
fn number(text: &[u8]) -> (u64, usize) {
    let (radix, prefix) = match text {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, 2),
        [b'0', ..] => (8, 0),
        _ => (10, 0),
    };
    let digits = text[prefix..]
        .iter()
        .map_while(|&b| char::from(b).to_digit(radix));
    let (mut size, mut length) = (0u64, prefix);
    for digit in digits {
        size = size
            .checked_mul(radix.into())
            .and_then(|size| size.checked_add(digit.into()))
            .unwrap_or(u64::MAX);
        length += 1;
    }
    (size, length)
}

fn apply(operator: &str, left: i64, right: i64, live: bool) -> Outcome<i64> {
    // As on x86: only the low six bits of the right side count.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bits = (right & 63) as u32;
    Ok(match operator {
        "*" => left.wrapping_mul(right),
        "/" | "%" if right == 0 && live => return error("arithmetic: division by zero"),
        "/" => left.wrapping_div(if right == 0 { 1 } else { right }),
        "%" => left.wrapping_rem(if right == 0 { 1 } else { right }),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "<<" => left.wrapping_shl(bits),
        ">>" => left.wrapping_shr(bits),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "&" => left & right,
        "^" => left ^ right,
        "|" => left | right,
        "&&" => i64::from(left != 0 && right != 0),
        _ => i64::from(left != 0 || right != 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    struct Table(BTreeMap<String, Vec<u8>>);

    impl Variables for Table {
        fn get(&self, name: &str) -> Option<&[u8]> {
            self.0.get(name).map(Vec::as_slice)
        }

        fn set(&mut self, name: &str, value: i64) -> Result<(), String> {
            if name == "r" {
                return Err("r: read-only".to_owned());
            }
            self.0
                .insert(name.to_owned(), value.to_string().into_bytes());
            Ok(())
        }
    }

    fn table() -> Table {
        let pairs = [
            ("a", "5"),
            ("b", "0x10"),
            ("c", "010"),
            ("e", ""),
            ("s", " 7 "),
            ("n", "-3"),
            ("bad", "1x"),
            ("sum", "1+2"),
            ("least", "-9223372036854775808"),
        ];
        Table(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
        )
    }

    /// The value, and `a` afterwards. Expected values were taken from dash 0.5.12.
    fn value(text: &str) -> (i64, i64) {
        let mut table = table();
        let value = evaluate(text.as_bytes(), &mut table)
            .unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let a = String::from_utf8(table.0["a"].clone())
            .unwrap()
            .parse()
            .unwrap();
        (value, a)
    }

    #[test]
    fn as_dash_calculates() {
        for (text, expected) in [
            ("1+2*3", 7),
            ("(1+2)*3", 9),
            ("7/2", 3),
            ("-7/2", -3),
            ("-7%3", -1),
            ("7%-3", 1),
            ("1<<3", 8),
            ("1<<63", i64::MIN),
            ("1<<64", 1),
            ("1<<-1", i64::MIN),
            ("-1>>1", -1),
            ("1<2", 1),
            ("2<=2", 1),
            ("1==1", 1),
            ("1!=1", 0),
            ("!0", 1),
            ("!5", 0),
            ("~0", -1),
            ("5&3", 1),
            ("5|3", 7),
            ("5^3", 6),
            ("1&&0", 0),
            ("1||0", 1),
            ("1?2:3", 2),
            ("a", 5),
            ("b", 16),
            ("c", 8),
            ("e", 0),
            ("s", 7),
            ("n", -3),
            ("u", 0),
            ("least", i64::MIN),
            ("0x1F", 31),
            ("0X1f", 31),
            ("010", 8),
            ("9223372036854775807+1", i64::MIN),
            ("9223372036854775808", i64::MAX),
            ("-9223372036854775808", -i64::MAX),
            ("0xffffffffffffffff", i64::MAX),
            ("- -1", 1),
            ("++a", 5),
            ("--a", 5),
            ("a?b?1:2:3", 1),
            ("1?2:0?4:5", 2),
            ("a==5", 1),
            ("0||0&&1", 0),
            ("1|2^3&4", 3),
            ("0==0==0", 0),
            ("1<2<3", 1),
            ("5>3>1", 0),
            ("-~1", 2),
            ("!!3", 1),
            ("a?1:1/0", 1),
            ("0&&1/0", 0),
            (" 1\n+\t2 ", 3),
            ("(-9223372036854775807-1)/-1", i64::MIN),
            ("(-9223372036854775807-1)%-1", 0),
        ] {
            assert_eq!(value(text), (expected, 5), "{text}");
        }
    }

    #[test]
    fn assignments() {
        for (text, expected) in [
            ("a=3", 3),
            ("a+=2", 7),
            ("a-=2", 3),
            ("a*=2", 10),
            ("a/=2", 2),
            ("a%=2", 1),
            ("a<<=2", 20),
            ("a>>=1", 2),
            ("a&=4", 4),
            ("a|=8", 13),
            ("a^=1", 4),
            ("a = b = 4", 4),
            ("1 ? a = 8 : 2", 8),
            ("0?a=1:(a=2)", 2),
        ] {
            assert_eq!(value(text), (expected, expected), "{text}");
        }
        for text in ["0&&(a=9)", "1||(a=9)", "1?2:(a=9)", "0&&(a/=0)", "0&&(r=1)"] {
            assert_eq!(value(text).1, 5, "{text}");
        }
    }

    #[test]
    fn messages() {
        for (text, message) in [
            (
                "",
                "arithmetic: expected a number, a name or '(', found the end",
            ),
            (
                "1+",
                "arithmetic: expected a number, a name or '(', found the end",
            ),
            (
                "1 2",
                "arithmetic: expected an operator or the end, found '2'",
            ),
            (
                "08",
                "arithmetic: expected an operator or the end, found '8'",
            ),
            (
                "0x",
                "arithmetic: expected an operator or the end, found 'x'",
            ),
            (
                "1.5",
                "arithmetic: expected an operator or the end, found '.5'",
            ),
            (
                "a++",
                "arithmetic: expected a number, a name or '(', found the end",
            ),
            (
                "1+a=4",
                "arithmetic: expected an operator or the end, found '=4'",
            ),
            ("1 ? 2", "arithmetic: expected ':', found the end"),
            ("(1", "arithmetic: expected ')', found the end"),
            ("1/0", "arithmetic: division by zero"),
            ("a%=0", "arithmetic: division by zero"),
            ("bad", "arithmetic: bad is not a number: '1x'"),
            ("sum", "arithmetic: sum is not a number: '1+2'"),
            ("r=1", "r: read-only"),
            (
                "'1'",
                "arithmetic: expected a number, a name or '(', found ''1''",
            ),
        ] {
            let error = evaluate(text.as_bytes(), &mut table()).unwrap_err();
            assert_eq!(error.message, message, "{text}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        for unit in ["(", "-", "!", "a=", "1?", "1?2:", "(-", "((", "~("] {
            let error = evaluate(unit.repeat(100_000).as_bytes(), &mut table()).unwrap_err();
            assert_eq!(
                error.message, "arithmetic: nested more than 200 deep",
                "{unit}"
            );
        }
        let deep = format!("{}1{}", "(".repeat(199), ")".repeat(199));
        assert_eq!(value(&deep).0, 1);
        assert_eq!(value(&"1+".repeat(100_000).add("1")).0, 100_001);
    }

    use std::ops::Add;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn soup(text in "[0-9abxr()+*/%<>=!&|^~?: -]{0,30}") {
            let _ = evaluate(text.as_bytes(), &mut table());
        }

        #[test]
        fn bytes(text in prop::collection::vec(any::<u8>(), 0..50)) {
            let _ = evaluate(&text, &mut table());
        }
    }
}
