//! Fields of a form, and the files in it.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use multer::Multipart;

/// A form as it was sent. No `Debug`: it may hold a key or a person.
#[derive(Default)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    files: Vec<SentFile>,
}

/// A file in a form. No `Debug`: it holds keys and people.
pub(crate) struct SentFile {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

impl Form {
    /// Reads a body; what is not a form has no fields.
    pub(crate) fn read(body: &[u8]) -> Self {
        let owned = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        Self { fields: form_urlencoded::parse(body).map(owned).collect(), files: Vec::new() }
    }

    /// Reads a body by its type: fields alone, or parts with files among them.
    pub(crate) async fn sent(headers: &HeaderMap, body: &Bytes) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match multer::parse_boundary(kind) {
            // A body that breaks off has no fields: it lacks the token of a change, and is refused.
            Ok(boundary) => Self::of_parts(&boundary, body).await.unwrap_or_default(),
            Err(_) => Self::read(body),
        }
    }

    async fn of_parts(boundary: &str, body: &Bytes) -> multer::Result<Self> {
        let whole = body.clone();
        let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(whole) });
        let (mut parts, mut form) = (Multipart::new(stream, boundary), Self::default());
        while let Some(part) = parts.next_field().await? {
            match (part.name().map(str::to_owned), part.file_name().map(str::to_owned)) {
                (_, Some(name)) => {
                    let bytes = part.bytes().await?;
                    // A browser sends a file without a name where none was chosen.
                    if !name.is_empty() || !bytes.is_empty() {
                        form.files.push(SentFile { name, bytes });
                    }
                }
                (Some(name), None) => {
                    let text = part.bytes().await?;
                    form.fields.push((name, String::from_utf8_lossy(&text).into_owned()));
                }
                (None, None) => {}
            }
        }
        Ok(form)
    }

    /// Every field, in its order.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The first field of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// A field with something in it, without the blanks around it.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Every field of a name, such as ticked boxes.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The lines of a field that have something in them.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.get(name).unwrap_or_default().lines().map(str::trim);
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// The files.
    pub(crate) fn files(&self) -> &[SentFile] {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &str = "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--b--\r\n";

    async fn form(kind: &str, body: &str) -> Form {
        let headers = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
        Form::sent(&headers, &Bytes::copy_from_slice(body.as_bytes())).await
    }

    #[tokio::test]
    async fn parts_have_fields_and_files() {
        let form = form("multipart/form-data; boundary=b", PARTS).await;
        assert_eq!(form.get("csrf"), Some("token"));
        let files: Vec<_> = form.files().iter().map(|file| (file.name.as_str(), &file.bytes[..])).collect();
        assert_eq!(files, [("a.csv", &b"a,b"[..])], "a file field without a file is left out");
    }

    #[tokio::test]
    async fn broken_parts_have_nothing() {
        let kind = "multipart/form-data; boundary=b";
        for body in ["", "--b", "csrf=token", &PARTS[..PARTS.len() / 2], &PARTS.replace("--b", "--c")] {
            let form = form(kind, body).await;
            assert!(form.get("csrf").is_none() && form.files().is_empty(), "{body}");
        }
        assert_eq!(form("text/plain", "csrf=token").await.get("csrf"), Some("token"));
    }
}
