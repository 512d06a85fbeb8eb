//! Places of the store: the application's folder, and files of earlier versions and servers that are taken over.

use std::path::PathBuf;

use directories::{BaseDirs, ProjectDirs};
use falconer_domain::Product;

use super::builder::OpenError;
use crate::store::{self, FileAccess, MemoryStore, Opened, Store, StoreFormat, StoredLicense};

/// Longest application id: with the data folder of any system it stays below Windows' 260 characters of a path.
const MAX_APP_ID_CHARS: usize = 100;
/// Names that Windows reserves for devices, with any ending.
const WINDOWS_DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Where the application wants its license.
pub(super) enum StoreLocation {
    /// The user's folder for application data.
    DataFolder,
    File(PathBuf, FileAccess),
    Memory,
    Own(Box<dyn Store>),
}

/// Settings that name the folder for application data.
pub(super) struct FolderNames<'a> {
    pub(super) app_id: Option<&'a str>,
    pub(super) server: &'a str,
    pub(super) former_servers: &'a [String],
    pub(super) product: &'a Product,
}

impl StoreLocation {
    /// Opens the store, and reads the licenses of earlier files.
    pub(super) fn open(
        self,
        names: &FolderNames<'_>,
        format: StoreFormat,
    ) -> Result<(Opened, Vec<StoredLicense>), OpenError> {
        let opened = match self {
            Self::Memory => Opened { store: Box::<MemoryStore>::default(), notice: None },
            Self::Own(store) => Opened { store, notice: None },
            Self::File(path, access) => store::open(&path, format, access),
            Self::DataFolder => {
                let folder = data_folder()?.join(names.folder());
                let opened = store::open(&folder.join(format.file_name()), format, FileAccess::Owner);
                return Ok((opened, names.earlier(format)));
            }
        };
        Ok((opened, Vec::new()))
    }
}

impl FolderNames<'_> {
    fn folder(&self) -> String {
        self.app_id.map_or_else(|| host_folder(self.server), str::to_owned)
    }

    /// Reads the files that this application may have had before: under its hosts, and under its product's code, which
    /// named the folder in version 0.1.0. Another vendor may have written the last one, so each row has to prove itself.
    fn earlier(&self, format: StoreFormat) -> Vec<StoredLicense> {
        let hosts = std::iter::once(self.server).chain(self.former_servers.iter().map(String::as_str));
        let folders = hosts.map(host_folder).filter(|folder| *folder != self.folder());
        let mut files: Vec<_> = data_folder()
            .into_iter()
            .flat_map(|data| folders.clone().map(move |folder| data.join(folder)))
            .collect();
        files.extend(folder_of_0_1(self.product));
        files
            .into_iter()
            .flat_map(|folder| store::read_only(&folder.join(format.file_name()), format))
            .collect()
    }
}

/// The folder that version 0.1.0 used, with SQLite alone.
fn folder_of_0_1(product: &Product) -> Option<PathBuf> {
    Some(ProjectDirs::from("", "", product.as_str())?.data_local_dir().to_owned())
}

fn data_folder() -> Result<PathBuf, OpenError> {
    Ok(BaseDirs::new().ok_or(OpenError::NoDataFolder)?.data_local_dir().to_owned())
}

/// Folder of a host: without the colons and brackets that Windows does not allow in a name.
fn host_folder(host: &str) -> String {
    host.chars()
        .map(|sign| if sign.is_ascii_alphanumeric() || ".-".contains(sign) { sign } else { '_' })
        .collect()
}

/// Reads an application id: a domain in reverse, with a dot at least, that names a folder on every system.
pub(super) fn read_app_id(id: &str) -> Result<String, OpenError> {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_".contains(sign))
    };
    let is_device = |part: &str| {
        let part = part.to_ascii_lowercase();
        let numbered = part.strip_prefix("com").or_else(|| part.strip_prefix("lpt"));
        WINDOWS_DEVICES.contains(&part.as_str())
            || numbered.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    };
    let mut parts = id.split('.');
    let is_id = id.len() <= MAX_APP_ID_CHARS
        && id.contains('.')
        && id.split('.').all(is_part)
        && !parts.next().is_some_and(is_device);
    is_id.then(|| id.to_owned()).ok_or(OpenError::InvalidAppId)
}

/// Host of an address, with the port where the address names one: `licenses.example.com`. `None` where the text is
/// neither an address nor a host.
pub(super) fn host_of(address: &str) -> Option<String> {
    let address: ureq::http::Uri = address.trim().parse().ok()?;
    let host = address.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let standard_port = if address.scheme_str() == Some("http") { 80 } else { 443 };
    match address.port_u16().filter(|port| *port != standard_port) {
        Some(port) => Some(format!("{host}:{port}")),
        None => Some(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_id_is_a_reversed_domain() {
        for good in ["com.example.app", "org.example-one.My_App", "io.a", "com.com1"] {
            assert_eq!(read_app_id(good), Ok(good.to_owned()));
        }
        let long = format!("com.{}", "x".repeat(MAX_APP_ID_CHARS));
        for bad in [
            "",
            "app",
            ".",
            "com.",
            ".com",
            "com..app",
            "com.example/app",
            "..",
            "../com.example",
            "com.exämple",
            "com example.app",
            "CON.example",
            "com1.example",
            "nul.a",
            r"com.a\b",
            "com.a:b",
            &long,
        ] {
            assert_eq!(read_app_id(bad), Err(OpenError::InvalidAppId), "{bad}");
        }
    }

    #[test]
    fn host_has_its_port_where_one_is_named() {
        for (address, host) in [
            ("https://Licenses.Example.com", Some("licenses.example.com")),
            ("https://licenses.example.com:443/prod/", Some("licenses.example.com")),
            ("https://licenses.example.com:8443", Some("licenses.example.com:8443")),
            ("http://127.0.0.1:9000", Some("127.0.0.1:9000")),
            ("http://localhost:80", Some("localhost")),
            ("http://[::1]:9000", Some("[::1]:9000")),
            ("licenses.example.com", Some("licenses.example.com")),
            ("licenses.example.com:8443", Some("licenses.example.com:8443")),
            ("", None),
            ("/prod", None),
            ("two words", None),
        ] {
            assert_eq!(host_of(address).as_deref(), host, "{address}");
        }
        assert_eq!(host_folder("[::1]:9000"), "___1__9000");
    }
}
