//! The text that PostgreSQL writes for an array of texts: `{a,"b,c",NULL}`.
//!
//! The rules are those of "Array Input and Output Syntax" in PostgreSQL's manual.

/// PostgreSQL's own bound on dimensions (`MAXDIM`).
const MAX_DEPTH: usize = 6;

/// A text that is not an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an array as PostgreSQL writes one ({{a,\"b,c\",NULL}})")]
pub(super) struct NotAnArray;

/// The elements of an array in their order, `None` for a NULL. Those of an array of arrays come one after the other, as
/// PostgreSQL's `unnest` has them.
///
/// # Errors
/// [`NotAnArray`].
pub(super) fn read(text: &str) -> Result<Vec<Option<String>>, NotAnArray> {
    let mut reader = ArrayReader { rest: without_bounds(text.trim()), elements: Vec::new() };
    let mut depth = 0;
    let mut opened = false;
    loop {
        reader.skip_blanks();
        match reader.rest.chars().next().ok_or(NotAnArray)? {
            '{' if depth < MAX_DEPTH => {
                reader.skip('{');
                depth += 1;
                opened = true;
                continue;
            }
            '}' if opened => {}
            _ if depth == 0 => return Err(NotAnArray),
            '"' => reader.quoted()?,
            _ => reader.bare()?,
        }
        opened = false;
        // Behind an element come a comma and the next one, or the ends of the arrays it is in.
        loop {
            reader.skip_blanks();
            if reader.skip(',') {
                break;
            }
            if !reader.skip('}') {
                return Err(NotAnArray);
            }
            depth -= 1;
            if depth == 0 {
                return if reader.rest.is_empty() { Ok(reader.elements) } else { Err(NotAnArray) };
            }
        }
    }
}

/// An array whose numbering does not begin at 1 has its bounds in front: `[0:1]={a,b}`.
fn without_bounds(text: &str) -> &str {
    match text.split_once('=') {
        Some((bounds, array))
            if bounds.starts_with('[')
                && bounds.chars().all(|c| c.is_ascii_digit() || "[]:+-".contains(c)) =>
        {
            array
        }
        _ => text,
    }
}

struct ArrayReader<'a> {
    rest: &'a str,
    elements: Vec<Option<String>>,
}

impl ArrayReader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{B}');
    }

    fn skip(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// An element in quotation marks, in which a backslash makes the next character itself.
    fn quoted(&mut self) -> Result<(), NotAnArray> {
        let mut element = String::new();
        let mut chars = self.rest.chars();
        chars.next();
        loop {
            match chars.next().ok_or(NotAnArray)? {
                '"' => break,
                '\\' => element.push(chars.next().ok_or(NotAnArray)?),
                c => element.push(c),
            }
        }
        self.rest = chars.as_str();
        self.elements.push(Some(element));
        Ok(())
    }

    /// An element without them, up to what ends it; the blanks around it are not part of it.
    fn bare(&mut self) -> Result<(), NotAnArray> {
        let (mut element, mut length, mut escaped) = (String::new(), 0, false);
        let mut chars = self.rest.chars();
        loop {
            let before = chars.as_str();
            match chars.next().ok_or(NotAnArray)? {
                ',' | '}' => {
                    self.rest = before;
                    break;
                }
                '{' | '"' => return Err(NotAnArray),
                '\\' => {
                    escaped = true;
                    element.push(chars.next().ok_or(NotAnArray)?);
                    length = element.len();
                }
                c => {
                    element.push(c);
                    if !c.is_ascii_whitespace() {
                        length = element.len();
                    }
                }
            }
        }
        element.truncate(length);
        if element.is_empty() {
            return Err(NotAnArray);
        }
        let null = !escaped && element.eq_ignore_ascii_case("null");
        self.elements.push((!null).then_some(element));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_arrays_from_postgresql() {
        for (text, elements) in [
            ("{}", &[][..]),
            ("{a}", &[Some("a")]),
            ("{a,b}", &[Some("a"), Some("b")]),
            (r#"{"a,b",NULL,c}"#, &[Some("a,b"), None, Some("c")]),
            (r#"{"NULL",null,"",\N}"#, &[Some("NULL"), None, Some(""), Some("N")]),
            (r#"{"say \"hi\"","back\\slash"}"#, &[Some("say \"hi\""), Some("back\\slash")]),
            ("{ a , two words ,\" kept \"}", &[Some("a"), Some("two words"), Some(" kept ")]),
            ("{{a,b},{c,d}}", &[Some("a"), Some("b"), Some("c"), Some("d")]),
            ("{{{a}},{{b}}}", &[Some("a"), Some("b")]),
            ("{{},{}}", &[]),
            ("[0:1]={a,b}", &[Some("a"), Some("b")]),
            ("[-1:0][2:3]={{a,b},{c,d}}", &[Some("a"), Some("b"), Some("c"), Some("d")]),
            ("{\"two\nlines\",ü😀}", &[Some("two\nlines"), Some("ü😀")]),
            ("{a=b}", &[Some("a=b")]),
        ] {
            let read = read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(read.iter().map(Option::as_deref).collect::<Vec<_>>(), elements, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "a",
            "a;b",
            "{",
            "}",
            "{a",
            "a}",
            "{a,}",
            "{,a}",
            "{a,,b}",
            "{a}}",
            "{a}b",
            "{\"a}",
            "{a\"b\"}",
            "{\"a\"b}",
            "{a{b}}",
            "{a\\",
            "[a,b]",
            "['a']",
            "{{{{{{{a}}}}}}}",
            "[0:1]",
            "x={a}",
        ] {
            assert_eq!(read(text), Err(NotAnArray), "{text}");
        }
    }

    /// As PostgreSQL's `array_out` decides about quotation marks.
    fn written(elements: &[Option<String>]) -> String {
        let element = |element: &Option<String>| {
            let Some(text) = element else { return "NULL".to_owned() };
            let special = |c: char| "{},\"\\".contains(c) || c.is_ascii_whitespace() || c == '\u{B}';
            if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                text.clone()
            }
        };
        format!("{{{}}}", elements.iter().map(element).collect::<Vec<_>>().join(","))
    }

    proptest! {
        #[test]
        fn every_array_reads_back(
            elements in proptest::collection::vec(
                proptest::option::of("[a-c,{}\"\\\\ \n\u{B}ü]{0,5}|(?i)null"), 0..6)
        ) {
            let text = written(&elements);
            prop_assert_eq!(read(&text), Ok(elements.clone()), "{}", text);
            if !elements.is_empty() {
                let twice: Vec<_> = elements.iter().chain(&elements).cloned().collect();
                prop_assert_eq!(read(&format!("{{{text},{text}}}")), Ok(twice));
            }
        }

        #[test]
        fn no_text_panics(text in "[a{},\"\\\\ N\\[\\]:=0-9]{0,40}|\\PC{0,40}") {
            let _ = read(&text);
        }
    }
}
