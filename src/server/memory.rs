//! What the server remembers of rolls and truncations, and the file that keeps it across restarts (`--history`).

use std::sync::Arc;

use super::options::Options;
use crate::store::generations::fact::Fact;
use crate::store::generations::families::Families;
use crate::store::generations::journal::{self, Journal};
use crate::store::links::Links;
use crate::store::truncations::Truncations;

/// What all workers share of it.
#[derive(Clone, Default)]
pub struct Memory {
    /// Which file came after which under each name.
    pub families: Families,
    /// Which files were truncated.
    pub truncations: Arc<Truncations>,
    /// `--follow-links`, and which links were refused.
    pub links: Links,
}

impl Memory {
    /// What an earlier server has seen, if there is a file of it; the file is ready for writing.
    ///
    /// # Errors
    /// One line: the server cannot use the file.
    pub fn load(options: &Options) -> Result<(Memory, Option<Journal>), String> {
        let memory = Memory {
            families: Families {
                old_dir: options.old_dir.clone(),
                ..Families::default()
            },
            truncations: Arc::new(Truncations::new(options.copied_tags)),
            links: Links::new(options.follow_links),
        };
        let Some(path) = &options.history else {
            return Ok((memory, None));
        };
        let (history, truncations) = (&memory.families.history, &memory.truncations);
        for fact in journal::load(path)? {
            match fact {
                Fact::Truncated {
                    identity,
                    truncated,
                } => truncations.restore(identity, truncated),
                fact => history.restore(&fact),
            }
        }
        let facts = [truncations.facts(), history.facts()].concat();
        let (journal, sender) = journal::open(path, &facts)?;
        truncations.write_to(sender.clone());
        history.write_to(sender);
        Ok((memory, Some(journal)))
    }
}
