//! What holds for every set of conditional fields. The input is a line for each: If-Match, If-Unmodified-Since,
//! If-None-Match, If-Modified-Since, If-Range; an empty one is absent.

use openrange::http::conditional::{Conditions, ETag, Validators, Verdict, judge};
use openrange::http::date::Date;

const TAG: ETag = ETag(0x0123_4567_89ab_cdef);
const MODIFIED: i64 = 784_111_777;

pub fn conditional(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let mut field = || lines.next().filter(|line| !line.is_empty()).map(Box::from);
    let conditions = Conditions {
        if_match: field(),
        if_unmodified_since: field(),
        if_none_match: field(),
        if_modified_since: field(),
        if_range: field(),
        if_bytes_before: None,
    };
    let modified = Date::from_seconds(MODIFIED);
    let file = Validators {
        etag: TAG,
        modified: modified.into(),
        date_is_shared: false,
        changed: modified,
    };
    let fresh = judge(&conditions, &file, Date::from_seconds(MODIFIED + 1).into());
    let settled = judge(&conditions, &file, Date::from_seconds(MODIFIED + 2).into());
    let touched = Validators {
        changed: Date::from_seconds(MODIFIED + 1),
        ..file
    };
    let touched = judge(
        &conditions,
        &touched,
        Date::from_seconds(MODIFIED + 2).into(),
    );
    assert_eq!(
        touched, fresh,
        "a change after the modification is one in its second"
    );

    let star = conditions.if_none_match.as_deref() == Some(b"*");
    let named = |list: &Option<Box<[u8]>>| {
        list.as_ref().is_none_or(|list| {
            **list == *b"*" || list.windows(16).any(|part| part == b"0123456789abcdef")
        })
    };
    if fresh == Verdict::NotModified {
        assert!(star, "a stale 304");
    }
    if settled == Verdict::NotModified && !star {
        assert!(conditions.if_modified_since.is_some() && named(&conditions.if_none_match));
    } else {
        assert_eq!(
            fresh, settled,
            "the age of the file decides nothing but a 304"
        );
    }
    match settled {
        Verdict::Failed => {
            assert!(conditions.if_match.is_some() || conditions.if_unmodified_since.is_some())
        }
        Verdict::ProceedWhole => assert!(conditions.if_range.is_some()),
        Verdict::Proceed | Verdict::NotModified => {}
    }
    assert!(
        settled == Verdict::Failed || named(&conditions.if_match),
        "another file"
    );
}
