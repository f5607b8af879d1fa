//! A target: a URL that is behind with `done`. Its own place there moves when it has taken a notification. Pure.

use super::callback::Callback;
use super::done::Place;
use super::notification::Ended;
use super::pauses::Pauses;
use crate::time::Moment;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where its notifications go.
    pub callback: Callback,
    /// It has the notifications of everything before this place.
    pub place: Place,
    /// Its next notification, and where the line after that begins; `None`: somebody has to look for it.
    pub next: Option<(Ended, Place)>,
    /// Attempts to send that.
    pub attempts: u32,
    /// Not before this.
    pub due: Moment,
    /// An attempt is under way.
    pub is_busy: bool,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The target has it.
    Taken,
    /// 410: the target wants none, ever.
    Gone,
    /// Not this time: why, and for how many seconds the target wants to be left alone.
    Failed(String, Option<u32>),
}

impl Verdict {
    /// What a whole response says.
    #[must_use]
    pub fn of(status: u16, retry_after: Option<u32>) -> Verdict {
        match status {
            200..=299 => Verdict::Taken,
            410 => Verdict::Gone,
            300..=399 => Verdict::Failed(format!("{status}; hooks follows no redirect"), None),
            status => Verdict::Failed(status.to_string(), retry_after),
        }
    }
}

impl Target {
    /// Behind from this place on.
    #[must_use]
    pub fn new(callback: Callback, place: Place) -> Target {
        Target {
            callback,
            place,
            next: None,
            attempts: 0,
            due: Moment(0),
            is_busy: false,
        }
    }

    /// Whether an attempt may begin.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        self.next.is_some() && !self.is_busy && self.due <= now
    }

    /// Whether its next notification has to be looked for.
    #[must_use]
    pub fn looks(&self) -> bool {
        self.next.is_none()
    }

    /// Passes over what is no business of its own, or has taken it.
    pub fn pass_to(&mut self, place: Place) {
        self.place = place;
        self.next = None;
        self.attempts = 0;
    }

    /// Its next notification. After a restart the pause that was under way goes on.
    pub fn found(&mut self, ended: Ended, after: Place, now: Moment) {
        self.next = Some((ended, after));
        self.due = self.due.max(now);
    }

    /// An attempt has failed. Returns the pause that follows.
    pub fn failed(
        &mut self,
        pauses: &Pauses,
        retry_after: Option<u32>,
        now: Moment,
    ) -> std::time::Duration {
        self.attempts = self.attempts.saturating_add(1);
        let wanted = std::time::Duration::from_secs(retry_after.unwrap_or(0).into());
        let pause = pauses.after(self.attempts);
        let pause = pause.max(wanted.min(crate::limits::HOOK_RETRY_AFTER_MAX));
        self.due = now + pause;
        pause
    }
}
