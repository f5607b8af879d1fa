//! What a request leads to, and the topic that it may join.

use std::rc::Rc;

use super::topics::Topics;
use super::watcher::TopicId;
use crate::action::SoughtName;
use crate::http::query::Start;
use crate::http::target::Path;
use crate::intent::{Intent, ParsedRequest};
use crate::resource::{FileInfo, Resource};
use crate::store::file::OpenFile;
use crate::store::lookup::{self, failed};

/// What a request led to.
pub struct Lookup {
    /// For the answer.
    pub found: Resource<Rc<OpenFile>>,
    /// The topic to join, if the answer turns out to be a tail.
    pub topic: Option<TopicId>,
}

impl Lookup {
    /// What is known of the file, if it led to one.
    #[must_use]
    pub fn info(&self) -> Option<&FileInfo> {
        match &self.found {
            Resource::File { info, .. } | Resource::Generation { info, .. } => Some(info),
            _ => None,
        }
    }

    /// Whether lines were counted for it, which takes long.
    #[must_use]
    pub fn counted(&self) -> bool {
        match &self.found {
            Resource::File { info, .. } | Resource::Generation { info, .. } => info.start.is_some(),
            _ => false,
        }
    }
}

impl From<Resource<Rc<OpenFile>>> for Lookup {
    fn from(found: Resource<Rc<OpenFile>>) -> Lookup {
        Lookup { found, topic: None }
    }
}

impl Topics {
    /// Looks up what a request asks for; if it may be answered with a tail, its watches are in place before its size is
    /// measured.
    pub fn look_up(&mut self, asked: &ParsedRequest) -> Lookup {
        let Some(path) = asked.intent.path() else {
            return Resource::Missing.into();
        };
        self.look_up_path(path, asked.intent.start(), Some(asked))
    }

    /// Looks up the file that an event stream of this name goes on with.
    pub fn look_up_to_follow(&mut self, sought: SoughtName<'_>) -> Lookup {
        self.look_up_path(sought.path, sought.start, None)
    }

    fn look_up_path(
        &mut self,
        path: &Path,
        start: Option<Start>,
        asked: Option<&ParsedRequest>,
    ) -> Lookup {
        // A topic's file remembers its size, so that a truncation shows.
        let registry = &self.registry;
        let held = |name: &[u8]| registry.named(name).map(|key| &registry[key].file);
        let list = asked.and_then(lookup::list_terms);
        let resolved = match self.lookups.find(path, list.as_ref(), held) {
            Ok(resolved) => resolved,
            Err(other) => return other.into(),
        };
        let (name, file) = (Rc::clone(&resolved.name), Rc::clone(&resolved.file));
        // When a followed file was found, it was looked at; if its watches are placed after that, that look is forgotten.
        let held = resolved.is_followed.then(|| Rc::clone(&file));
        let is_held = |file| held.is_some_and(|held| Rc::ptr_eq(&held, file));
        let (file, topic, info) = if asked.is_none_or(ParsedRequest::subscribes) {
            match self.follow(&name, file) {
                Ok((key, file)) if is_held(&file) => {
                    let info = file.cached_info();
                    (file, Some(key), info)
                }
                Ok((key, file)) => (Rc::clone(&file), Some(key), file.info()),
                Err(other) => return other.into(),
            }
        } else {
            (file, None, resolved.info())
        };
        let started = |mut info: FileInfo| {
            let events = asked.is_none_or(|asked| matches!(asked.intent, Intent::Events(_)));
            info.start = lookup::start(start, events, &file, &info)?;
            if let Some(asked) = asked {
                info.bytes_before = lookup::bytes_before(asked, &file)?;
                info.date_is_shared = self.lookups.is_date_shared(asked, &name, &info);
            }
            Ok(info)
        };
        match info.and_then(started) {
            Ok(info) => Lookup {
                found: Resource::File { file, info },
                topic,
            },
            Err(error) => {
                if let Some(key) = topic {
                    self.drop_if_unused(key);
                }
                failed(error, &name).into()
            }
        }
    }
}
