use proptest::prelude::*;

use super::*;

fn sure(text: &str) -> String {
    match read(text) {
        Ok(Written::Sure(when)) => when.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn reads_days_in_every_notation() {
    for text in [
        "2099-06-30",
        "2099-06-30 00:00:00",
        "2099-06-30T00:00:00",
        "2099-06-30 00:00:00.000",
        "2099/06/30",
        "2099/6/30 0:00",
        "2099/6/30\u{a0}0:00",
        "2099-06-30\u{202f}00:00:00",
        "2099. 6. 30.",
        "2099年6月30日",
        "20990630",
        "72866",
        "72866.0",
        "30-Jun-2099",
        "30 June 2099",
        "June 30, 2099",
        "Tuesday, June 30th, 2099",
        "30. Juni 2099",
        "30 juin 2099",
        "2099-Jun-30",
    ] {
        assert_eq!(sure(text), "2099-06-30", "{text}");
    }
    for (text, day) in [
        ("31-Dec-26", "2026-12-31"),
        ("31. Dezember 2026", "2026-12-31"),
        ("31 de dezembro de 2026", "2026-12-31"),
        ("1. März 2027", "2027-03-01"),
        ("05/05/2027", "2027-05-05"),
        ("2958465", "9999-12-31"),
        ("9999-12-31", "9999-12-31"),
    ] {
        assert_eq!(sure(text), day, "{text}");
    }
}

#[test]
fn reads_moments_in_every_notation() {
    for (text, moment) in [
        ("2099-06-30 12:30:00", "2099-06-30T12:30:00"),
        ("2099/06/30 3:04 PM", "2099-06-30T15:04:00"),
        ("72866.75", "2099-06-30T18:00:00"),
        ("72866,75", "2099-06-30T18:00:00"),
        ("2099-06-30T00:00:00Z", "2099-06-30T00:00:00Z"),
        ("2099-06-30 00:00:00+02:00", "2099-06-29T22:00:00Z"),
        ("2099-06-30 00:00:00 UTC", "2099-06-30T00:00:00Z"),
        ("-62170000000000 ms", "-62170000000000 ms"),
    ] {
        assert_eq!(sure(text), moment, "{text}");
    }
}

#[test]
fn column_decides_day_month_order() {
    let column = |cells: &[&str]| {
        let mut survey = Survey::default();
        (2..).zip(cells).for_each(|(line, cell)| survey.see(line, cell));
        survey.order("expiry_date")
    };
    for (cells, order) in [
        (&["03/04/2027", "31/12/2026"][..], Some(DayOrder::DayFirst)),
        (&["03/04/2027", "12/31/2026"], Some(DayOrder::MonthFirst)),
        (&["3/4/27 0:00", "12/31/26 12:00 AM"], Some(DayOrder::MonthFirst)),
        (&["03-04-2027", "13-04-2027"], Some(DayOrder::DayFirst)),
        (&["03.04.2027", "31.12.2026"], Some(DayOrder::DayFirst)),
        (&["03.04.2027", "01.01.2027"], Some(DayOrder::DayFirst)),
        (&["2027-03-04", "05/05/2027", "", "soon"], None),
    ] {
        assert_eq!(column(cells), Ok(order), "{cells:?}");
    }
    let said = column(&["2027-01-01", "03/04/2027"]).unwrap_err().to_string();
    assert_eq!(
        said,
        "expiry_date: line 3 has 03/04/2027, which is 2027-04-03 with the day first and 2027-03-04 with the month \
         first, and no other date of the column tells which; say --dates dmy or --dates mdy"
    );
    // Years of two digits: one cell that cannot begin with the year speaks for the others.
    let said = column(&["26/12/31", "27/03/04"]).unwrap_err().to_string();
    assert!(said.starts_with("expiry_date: line 2 has 26/12/31, which ends with the year, or"), "{said}");
    assert!(said.contains("is 2026-12-31, and no other date") && said.contains("--dates dmy"), "{said}");
    assert!(column(&["31/12/26 00:00", "30/06/27"]).is_err(), "every day of it may be a year");
    for settled in ["03/04/27", "31/12/2026", "30/06/32", "19/06/27"] {
        assert_eq!(column(&["26/12/31", settled]), Ok(Some(DayOrder::DayFirst)), "{settled}");
    }
    assert_eq!(column(&["31.12.26", "30.06.27"]), Ok(Some(DayOrder::DayFirst)), "points");
    let said = column(&["31/12/2026", "12/31/2026"]).unwrap_err().to_string();
    assert!(said.contains("line 2 has 31/12/2026, which begins with the day"), "{said}");
    // A slash does not turn around what points say.
    let said = column(&["03.04.2027", "12/31/2026"]).unwrap_err().to_string();
    assert!(said.contains("line 2 has 03.04.2027, which begins with the day"), "{said}");
    assert_eq!(column(&["03.04.2027", "12.31.2026"]), Ok(Some(DayOrder::MonthFirst)));
    let read = read("03/04/2027").unwrap();
    let resolved = |order| read.resolved(order).map(|when| when.to_string());
    assert_eq!(resolved(Some(DayOrder::DayFirst)).as_deref(), Ok("2027-04-03"));
    assert_eq!(resolved(Some(DayOrder::MonthFirst)).as_deref(), Ok("2027-03-04"));
    assert_eq!(resolved(None), Err(NoDate::Doubtful));
}

#[test]
fn rejects_non_dates_with_a_reason() {
    for (text, why) in [
        ("", NoDate::NotADate),
        ("soon", NoDate::NotADate),
        ("never", NoDate::NotADate),
        ("2027-02-30", NoDate::NotADate),
        ("31/02/2027", NoDate::NotADate),
        ("365", NoDate::NotADate),
        ("311226", NoDate::NotADate),
        ("1767225600", NoDate::NotADate),
        ("20271301", NoDate::NotADate),
        ("30 jui 2027", NoDate::NotADate),
        ("12.31", NoDate::NotADate),
        ("0", NoDate::Placeholder),
        ("0000-00-00", NoDate::Placeholder),
        ("0000-00-00 00:00:00", NoDate::Placeholder),
        ("1/0/1900", NoDate::Placeholder),
        ("00.01.1900", NoDate::Placeholder),
        ("1/1/70", NoDate::ShortYear),
        ("31.12.99", NoDate::ShortYear),
        ("31-12-26", NoDate::ShortYear),
        ("31-Dec-99", NoDate::ShortYear),
    ] {
        assert_eq!(read(text), Err(why), "{text}");
    }
}

#[test]
fn days_begin_and_end_in_their_zone() {
    let (utc, berlin) = (TimeZone::UTC, TimeZone::get("Europe/Berlin").unwrap());
    let day = |text: &str| read(text).unwrap().resolved(None).unwrap();
    let end = day("2099-06-30").end(&utc).0;
    assert_eq!(end, 4_086_547_199_999);
    assert_eq!(day("2099-06-30").end(&berlin).0, end - 2 * 3_600_000);
    assert_eq!(day("2099-06-30").start(&utc).0, end - 86_399_999);
    assert_eq!(day("9999-12-31").end(&utc).0, 253_402_300_799_999);
    assert!(day("9999-12-31").end(&TimeZone::get("America/New_York").unwrap()).0 >= 253_402_300_799_999);
    assert_eq!(day("2026-12-31").plus_days(365).unwrap().to_string(), "2027-12-31");
}

proptest! {
    #[test]
    fn day_reads_alike_in_every_style(days in 0_i32..36_000) {
        let day = Date::constant(2000, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        let (y, m, d) = (day.year(), day.month(), day.day());
        let serial = SERIAL_ZERO.until(day).unwrap().get_days();
        for text in [
            format!("{y}-{m:02}-{d:02}"), format!("{y}-{m:02}-{d:02} 00:00:00"), format!("{y}/{m}/{d}"),
            format!("{y}{m:02}{d:02}"), serial.to_string(), format!("{d}-{}-{y}", &MONTHS[usize::try_from(m - 1).unwrap()][0][..3]),
        ] {
            prop_assert_eq!(read(&text), Ok(Written::Sure(When::Day(day))), "{}", text);
        }
        for (text, order) in [
            (format!("{d:02}.{m:02}.{y}"), DayOrder::DayFirst),
            (format!("{d}/{m}/{y} 0:00"), DayOrder::DayFirst),
            (format!("{m}/{d}/{y}"), DayOrder::MonthFirst),
            (format!("{m:02}/{d:02}/{y} 12:00:00 AM"), DayOrder::MonthFirst),
        ] {
            prop_assert_eq!(read(&text).and_then(|read| read.resolved(Some(order))), Ok(When::Day(day)), "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "[0-9./:, TZapmJundec年+-]{0,24}") {
        let _ = read(&text);
    }

    #[test]
    fn no_text_of_any_kind_panics(text in "\\PC{0,12}") {
        let _ = read(&text);
    }
}
