//! How [`Late`] learns what it has not read of generations that are gone.

use super::generations::Generations;
use super::late::{Late, Left};
use super::requests::Requests;
use crate::limits::CLIENT_RESPONSE_TIMEOUT;
use crate::time::Moment;

impl Late {
    /// Asks for the list of generations.
    pub(super) fn ask_sizes(&mut self, requests: &Requests, now: Moment) {
        self.gone.ask();
        self.exchange.request(requests.list());
        self.asked = now;
        self.timeout = now + CLIENT_RESPONSE_TIMEOUT;
    }

    /// The response is over. `listed`: it is the list.
    pub(super) fn learn_size(&mut self, listed: bool, now: Moment) {
        let document = self.gone.document();
        let Some(list) = Generations::parse(&document).filter(|_| listed) else {
            let asked = if self.last_looks {
                Moment::NEVER
            } else {
                self.asked
            };
            return self.gone.failed(asked, now);
        };
        let Some(place) = self.gone.told() else {
            return;
        };
        let size = list.size_before_compressed(place.etag);
        let lost = size.map_or(0, |size| size.saturating_sub(place.offset));
        if lost > 0 {
            self.left = Some((place.etag, Left::Lost(lost)));
        }
    }
}
