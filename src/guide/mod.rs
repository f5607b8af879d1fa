//! The guide, chapter by chapter: what users, producers and operators need beyond the README.

/// A chapter. In the files the chapters link to each other as files; here the definitions that come first count.
macro_rules! chapter {
    ($name:ident, $file:literal) => {
        #[doc = concat!(
            "[events]: events\n[following]: following\n[generations]: generations\n[jobs]: jobs\n",
            "[operating]: operating\n[shipping]: shipping\n[viewer]: viewer\n[writing]: writing\n\n",
            include_str!($file)
        )]
        pub mod $name {}
    };
}

chapter!(http, "http.md");
chapter!(events, "events.md");
chapter!(generations, "generations.md");
chapter!(viewer, "viewer.md");
chapter!(following, "following.md");
chapter!(shipping, "shipping.md");
chapter!(writing, "writing.md");
chapter!(intake, "intake.md");
chapter!(jobs, "jobs.md");
chapter!(operating, "operating.md");
chapter!(many_heads, "many-heads.md");
chapter!(limits, "limits.md");
chapter!(testing, "testing.md");
