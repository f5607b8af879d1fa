//! Contract 13: jobs and intake.

mod work;
