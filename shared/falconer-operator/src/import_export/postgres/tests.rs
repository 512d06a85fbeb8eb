use super::*;

const HEADER: &str = "id,license_key,user_id,email,tier,expires_at,created_at,active,features,metadata";

fn reading(zone: &str) -> Reading {
    let zone = TimeZone::get(zone).unwrap();
    Reading { server_zone: zone.clone(), database_zone: zone, features: Features::Granted }
}

fn noted(header: &str, cells: &str, zone: &str) -> Result<(ImportRow, Notes), BadRow> {
    let text = format!("{header}\n{cells}\n");
    let sheet = Sheet::open(text.as_bytes(), &REQUIRED).unwrap();
    let row = sheet.rows().next().unwrap();
    read(&row, &reading(zone))
}

fn incoming(cells: &str, zone: &str) -> Result<ImportRow, BadRow> {
    noted(HEADER, cells, zone).map(|(incoming, _)| incoming)
}

#[test]
fn reads_a_psql_row() {
    let row = "7,QF-PRO-0011223344556677-1700000000,user_1,a@example.com,pro,2027-03-01 12:00:00.5,\
               2025-01-10 09:30:00,t,\"{api_access,\"\"beta_access\"\"}\",\"{\"\"order\"\": 7}\"";
    let read = incoming(row, "UTC").unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(
        (read.record.status, read.record.expires_at),
        (Status::Active, Some(UnixMillis(1_803_902_400_500)))
    );
    assert_eq!(read.record.created_at, Some(UnixMillis(1_736_501_400_000)));
    assert_eq!(read.order.features, ["api_access", "beta_access"]);
    assert_eq!(
        (read.record.metadata.as_deref(), read.record.user_id.as_deref()),
        (Some("{\"order\": 7}"), Some("user_1"))
    );
    let east = incoming(row, "Asia/Tokyo").map(|read| read.record.expires_at).ok().flatten();
    assert_eq!(east, Some(UnixMillis(1_803_902_400_500 - 9 * 3_600_000)));
    let summer = incoming(&row.replace("2027-03-01", "2027-07-01"), "Europe/Berlin")
        .map(|read| read.record.expires_at);
    assert_eq!(summer.ok().flatten(), Some(UnixMillis(1_814_443_200_500 - 2 * 3_600_000)));
    let named =
        incoming(&row.replace("12:00:00.5", "12:00:00+00"), "Asia/Tokyo").map(|read| read.record.expires_at);
    assert_eq!(named.ok().flatten(), Some(UnixMillis(1_803_902_400_000)), "its own offset counts");
}

#[test]
fn reads_ends_outside_the_calendar() {
    let end = |text: &str| {
        let read = incoming(&format!("1,K,u,,pro,{text},,t,,"), "UTC");
        read.map(|read| read.record.expires_at).map_err(|why| why.to_string())
    };
    for never in ["4764-01-05 00:00:00", "12345-01-05 00:00:00", "infinity", "2201-01-01 00:00:00"] {
        assert_eq!(end(never), Ok(None), "{never}");
    }
    for past in ["-infinity", "0044-03-15 00:00:00 BC", "0001-01-01 00:00:00"] {
        assert_eq!(end(past), Ok(Some(LONG_AGO)), "{past}");
    }
    assert_eq!(end("2200-12-31 23:59:59"), Ok(Some(UnixMillis(7_289_654_399_000))));
    let created = |text: &str| {
        let (read, notes) = noted(HEADER, &format!("1,K,u,,pro,2027-03-01,{text},t,,"), "UTC").ok()?;
        Some((read.record.created_at, read.record.metadata, notes.len()))
    };
    for unknown in ["-infinity", "infinity", "", "NULL", "NaT", "0044-03-15 00:00:00 BC"] {
        assert_eq!(created(unknown), Some((None, None, 0)), "{unknown}");
    }
    let aside = r#"{"set_aside":{"created_at":"Montag"}}"#.to_owned();
    assert_eq!(created("Montag"), Some((None, Some(aside), 1)));
}

#[test]
fn reads_booleans_of_every_writer() {
    let status = |text: &str| {
        incoming(&format!("1,K,u,,pro,2027-03-01,,{text},,"), "UTC").map(|read| read.record.status)
    };
    for yes in ["t", "true", "True", "TRUE", "1", "1.0", "yes", "on", " t ", "\"t\""] {
        assert_eq!(status(yes), Ok(Status::Active), "{yes}");
    }
    for no in ["f", "false", "False", "FALSE", "0", "0.0", "no", "off"] {
        assert_eq!(status(no), Ok(Status::Revoked), "{no}");
    }
    for null in ["", "NULL", r"\N", "nan", "None", "<NA>"] {
        let (read, notes) = noted(HEADER, &format!("1,K,u,,pro,2027-03-01,,{null},,"), "UTC").ok().unwrap();
        assert_eq!(
            (read.record.status, notes),
            (Status::Revoked, vec![(Noticed::ActiveIsNull, None)]),
            "{null}"
        );
    }
}

#[test]
fn informative_columns_never_refuse() {
    let row = |email: &str, features: &str, metadata: &str| {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let cells = [email, features, metadata].map(quoted);
        let cells = format!("1,K,u,{},pro,2027-03-01,,t,{},{}", cells[0], cells[1], cells[2]);
        let (read, notes) = noted(HEADER, &cells, "UTC").unwrap_or_else(|why| panic!("{why}"));
        let details: Vec<_> = notes.into_iter().filter_map(|(_, detail)| detail).collect();
        (read.order.email, read.order.features.join(" "), read.record.metadata.unwrap_or_default(), details)
    };
    let (email, features, metadata, details) =
        row("not an email", r#"{ok,"Beta Access",NULL,"a,b"}"#, r#"{"z": 1.50, "a": 2}"#);
    assert_eq!((email, features.as_str()), (None, "ok"));
    assert_eq!(
        metadata,
        r#"{"metadata":{"z": 1.50, "a": 2},"set_aside":{"email":"not an email","features":["Beta Access",null,"a,b"]}}"#
    );
    assert_eq!(details, ["features: \"Beta Access\" is not a feature's name"]);
    let (_, features, metadata, details) = row("", "a;b", "not json");
    assert_eq!(features, "");
    assert_eq!(metadata, r#"{"metadata":"not json","set_aside":{"features":"a;b"}}"#);
    assert_eq!(details, ["features: it is not an array as PostgreSQL writes one ({a,\"b,c\",NULL})"]);
    let many: Vec<_> = (0..40).map(|number| format!("f{number}")).collect();
    let (_, features, metadata, details) = row("", &format!("{{{}}}", many.join(",")), "");
    assert_eq!(
        (features.split(' ').count(), details),
        (32, vec!["features: a license has at most 32 of its own".to_owned()])
    );
    assert!(metadata.starts_with(r#"{"set_aside":{"features":["f32","f33","#), "{metadata}");
    let (_, _, metadata, _) = row("", "", &"x".repeat(MAX_METADATA_BYTES + 1));
    assert_eq!(metadata, "", "too large for a row");
    let (_, _, metadata, _) = row("", "", &"x".repeat(MAX_METADATA_BYTES));
    assert_eq!(metadata.len(), MAX_METADATA_BYTES);
}

#[test]
fn reads_pandas_lists_and_dicts() {
    let cells = "1,K,u,nan,pro,2027-03-01 12:00:00.123456,,True,\"['a', 'b_c', None]\",\"{'order': 7, 'gift': None}\"";
    let read = incoming(cells, "UTC").unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((read.order.email, read.order.features), (None, vec!["a".to_owned(), "b_c".to_owned()]));
    let metadata = r#"{"metadata":{"order": 7, "gift": null},"set_aside":{"features":[null]}}"#;
    assert_eq!(read.record.metadata.as_deref(), Some(metadata));
}

#[test]
fn text_columns_keep_their_text() {
    let user = |text: &str| {
        let cells = format!("1,K,\"{text}\",,pro,2027-03-01,,t,,");
        let read = incoming(&cells, "UTC").unwrap_or_else(|why| panic!("{why}"));
        (read.record.user_id.unwrap_or_default(), read.record.metadata.unwrap_or_default())
    };
    for kept in [
        " spaced user ",
        "'=1+1",
        "'quoted'",
        "=1+1",
        "NULL",
        r"\N",
        "nan",
        "0012",
        " ",
        "ü 😀",
        "👩\u{200D}💻",
    ] {
        assert_eq!(user(kept), (kept.to_owned(), String::new()), "{kept}");
    }
    for (text, cleaned, kept) in [
        ("two\nlines", "two lines", r#"{"set_aside":{"user_id":"two\nlines"}}"#),
        ("a\tb", "a b", r#"{"set_aside":{"user_id":"a\tb"}}"#),
        ("a\u{202E}b\u{7}", "ab", "{\"set_aside\":{\"user_id\":\"a\u{202E}b\\u0007\"}}"),
    ] {
        assert_eq!(user(text), (cleaned.to_owned(), kept.to_owned()), "{text:?}");
    }
    assert_eq!(user(&"ü".repeat(300)).0, "ü".repeat(255));
    assert_eq!(user(""), (String::new(), String::new()), "imported without one");
    // Falconer's file of refused rows has apostrophes before formulas.
    let header = format!("line,reason,{HEADER}");
    let (read, _) = noted(&header, "2,why,1,K,''=1,,pro,2027-03-01,,t,,", "UTC").ok().unwrap();
    assert_eq!(read.record.user_id.as_deref(), Some("'=1"));
}

#[test]
fn errors_name_the_column() {
    for (cells, sentence) in [
        ("1,,u,,pro,2027-03-01,,t,,", "license_key is empty"),
        ("1,K,u,,Pro!,2027-03-01,,t,,", "tier: \"pro!\" is not the name of a tier"),
        ("1,K,u,,,2027-03-01,,t,,", "tier is empty"),
        ("1,K,u,,pro,NaT,,t,,", "expires_at is empty"),
        ("1,K,u,,pro,soon,,t,,", "expires_at: \"soon\" is not a timestamp (2027-03-01 12:00:00)"),
        ("1,K,u,,pro,1767225600,,t,,", "expires_at: \"1767225600\" is not a timestamp (2027-03-01 12:00:00)"),
        ("1,K,u,,pro,20270301,,t,,", "expires_at: \"20270301\" is not a timestamp (2027-03-01 12:00:00)"),
        (
            "1,K,u,,pro,99999-garbage,,t,,",
            "expires_at: \"99999-garbage\" is not a timestamp (2027-03-01 12:00:00)",
        ),
        ("1,K,u,,pro,2027-03-01,,maybe,,", "active: \"maybe\" is neither true nor false (t, f)"),
    ] {
        assert_eq!(incoming(cells, "UTC").err().map(|why| why.to_string()).as_deref(), Some(sentence));
    }
}
