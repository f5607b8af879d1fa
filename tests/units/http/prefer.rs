//! `http::prefer`: one table.

use openrange::http::prefer::Preferences;

fn read(values: &[&str]) -> Preferences {
    let mut preferences = Preferences::default();
    values
        .iter()
        .for_each(|value| preferences.add(value.as_bytes()));
    preferences
}

#[test]
fn preferences() {
    let none = Preferences::default();
    let with = |change: fn(&mut Preferences)| {
        let mut preferences = Preferences::default();
        change(&mut preferences);
        preferences
    };
    for (values, expected) in [
        (&[][..], none.clone()),
        (&["", ",", " ; , =", "other=5"], none.clone()),
        (&["respond-async"], with(|p| p.respond_async = true)),
        (&["Respond-Async;x=y"], with(|p| p.respond_async = true)),
        (&["wait=10"], with(|p| p.wait = Some(10))),
        (&["WAIT = \"10\" ; a"], with(|p| p.wait = Some(10))),
        (&["wait=1, wait=2"], with(|p| p.wait = Some(1))),
        (&["wait=1", "wait=2"], with(|p| p.wait = Some(1))),
        (&["wait=-1", "wait=", "wait", "wait=+1"], none.clone()),
        (
            &["wait=99999999999999999999999"],
            with(|p| p.wait = Some(u64::MAX)),
        ),
        (
            &["timeout=18446744073709551616"],
            with(|p| p.timeout = Some(u64::MAX)),
        ),
        (&["timeout=60"], with(|p| p.timeout = Some(60))),
        (
            &["respond-async, wait=5, timeout=7, fsync"],
            with(|p| {
                (p.respond_async, p.wait, p.timeout, p.fsync) = (true, Some(5), Some(7), true);
            }),
        ),
        (
            &["callback; url=\"http://h/a,b;c\\\"d\""],
            with(|p| p.callback = Some("http://h/a,b;c\"d".into())),
        ),
        (
            &["callback; x=1; URL=http://h/"],
            with(|p| p.callback = Some("http://h/".into())),
        ),
        (
            &["callback; url=a, callback; url=b"],
            with(|p| p.callback = Some("a".into())),
        ),
        (&["callback", "callback; uri=x"], none.clone()),
        (&["other; url=x"], none.clone()),
        (&["x=\"fsync, wait=5\""], none.clone()),
        // A quote that is escaped ends nothing; a backslash that is escaped escapes nothing, nor one outside of quotes.
        (&[r#"x="a\",fsync,b\"""#], none.clone()),
        (&[r#"x="a\\",fsync"#], with(|p| p.fsync = true)),
        (&[r#"x=\",fsync""#], none),
    ] {
        assert_eq!(read(values), expected, "{values:?}");
    }
}
