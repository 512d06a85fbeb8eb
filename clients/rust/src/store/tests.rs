//! Tests of what each format of the library's own promises.

use std::path::Path;

use super::*;

type Opening = fn(&Path) -> Box<dyn Store>;

/// Both formats, as a program opens them.
const FORMATS: [(&str, Opening); 2] = [
    ("SQLite", |path| Box::new(SqliteFile::open(path).unwrap())),
    ("plain file", |path| Box::new(PlainFile::open(path).unwrap())),
];

fn license(product: &str, server: &str, machine: &str) -> StoredLicense {
    let mut license = StoredLicense {
        product: product.to_owned(),
        server: server.to_owned(),
        machine: machine.to_owned(),
        ..StoredLicense::default()
    };
    license.fields.insert("license_key".to_owned(), format!("{product}-{server}-{machine} \"\n\\ ü"));
    license.fields.insert("floor_millis".to_owned(), "-5".to_owned());
    license.fields.insert("skew_millis".to_owned(), i64::MAX.to_string());
    license
}

fn sorted(mut licenses: Vec<StoredLicense>) -> Vec<StoredLicense> {
    licenses.sort_by(|a, b| (&a.product, &a.server, &a.machine).cmp(&(&b.product, &b.server, &b.machine)));
    licenses
}

#[test]
fn every_format_keeps_licenses_apart() {
    for (name, open) in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a store");
        let mut store = open(&path);
        assert_eq!(store.read().unwrap(), [], "{name}");
        let mut expected = Vec::new();
        for (product, server, machine) in [
            ("QF", "a.example", "one"),
            ("QF", "a.example", "two"),
            ("QF", "b.example", "one"),
            ("XY", "", ""),
        ] {
            expected.push(license(product, server, machine));
            store.update(&mut |licenses| licenses.push(license(product, server, machine))).unwrap();
            assert_eq!(sorted(open(&path).read().unwrap()), expected, "{name}");
        }
        store
            .update(&mut |licenses| {
                licenses.retain(|license| license.machine != "two");
                licenses[0].fields.remove("license_key");
            })
            .unwrap();
        let kept = sorted(open(&path).read().unwrap());
        assert_eq!(kept.len(), 3, "{name}");
        assert_eq!(
            kept.iter().filter(|license| license.fields.contains_key("license_key")).count(),
            2,
            "{name}"
        );
    }
}

#[test]
fn every_format_keeps_updates_of_two_programs() {
    for (name, open) in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a store");
        let program = |machine: &str| {
            let mut store = open(&path);
            for round in 0..20 {
                let own = license("QF", &round.to_string(), machine);
                store.update(&mut |licenses| licenses.push(own.clone())).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for machine in ["one", "two", "three"] {
                scope.spawn(move || program(machine));
            }
        });
        assert_eq!(open(&path).read().unwrap().len(), 60, "{name}");
    }
}

#[test]
fn every_format_bounds_its_log() {
    for (name, open) in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a store");
        let mut store = open(&path);
        for second in 0..4_000 {
            let entry = LogEntry { at: UnixSeconds(second), action: "/api/verify", outcome: "VALID" };
            store.log(&entry).unwrap();
        }
        let size: u64 = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!((10_000..100_000).contains(&size), "{name}: {size}");
    }
}
