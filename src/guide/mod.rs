//! The guide, chapter by chapter: what users, producers and operators need beyond the README.

#[doc = include_str!("http.md")]
pub mod http {}

#[doc = include_str!("events.md")]
pub mod events {}

#[doc = include_str!("generations.md")]
pub mod generations {}

#[doc = include_str!("viewer.md")]
pub mod viewer {}

#[doc = include_str!("following.md")]
pub mod following {}

#[doc = include_str!("writing.md")]
pub mod writing {}

#[doc = include_str!("intake.md")]
pub mod intake {}

#[doc = include_str!("jobs.md")]
pub mod jobs {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("many-heads.md")]
pub mod many_heads {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("testing.md")]
pub mod testing {}
