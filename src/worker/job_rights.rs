//! Which files of jobs a client may read and append to.

use super::upload::Jobs;
use crate::http::authorization::Right;
use crate::http::pattern;
use crate::http::target::Path;
use crate::intent::{EventsOf, Intent};

/// What a client must be allowed to read a file of the jobs: only workers may read requests.
pub(super) fn right_to_read(jobs: &Jobs, intent: &Intent) -> Right {
    let secret = match intent {
        Intent::Events(EventsOf {
            path,
            files: Some(files),
            ..
        }) => {
            let here = path.slash && holds_logs(jobs, path);
            let in_tree = below(path, jobs.prefix.name())
                .is_some_and(|directory| pattern::may_mean_below(files, directory));
            in_tree || here && files.iter().any(|file| file.name().is_none_or(is_internal))
        }
        intent => intent.path().is_some_and(|path| is_secret(jobs, path)),
    };
    if secret { Right::Write } else { Right::Read }
}

/// What a client must be allowed to append to a path, which may be among the files of the jobs.
pub(super) fn right_to_append(jobs: &Jobs, path: Option<&Path>) -> Right {
    match path.is_some_and(|path| is_secret(jobs, path)) {
        true => Right::Write,
        false => Right::Append,
    }
}

/// What follows a directory in a name below it.
fn below<'a>(directory: &Path, name: &'a [u8]) -> Option<&'a [u8]> {
    let rest = match directory.name.is_empty() {
        true => name,
        false => name.strip_prefix(&*directory.name)?.strip_prefix(b"/")?,
    };
    (!rest.is_empty()).then_some(rest)
}

fn is_secret(jobs: &Jobs, path: &Path) -> bool {
    let is_internal = |name| is_internal(without_old_dir(jobs, name));
    jobs.prefix.below(path).is_some_and(is_internal)
}

/// Whether this is the directory of the jobs, or that of earlier generations in it.
fn holds_logs(jobs: &Jobs, path: &Path) -> bool {
    let is_old = |name| jobs.old_dir.as_deref() == Some(name);
    *path.name == *jobs.prefix.name() || jobs.prefix.below(path).is_some_and(is_old)
}

/// What a file is called in the directory that it is in, if that is one of earlier generations.
fn without_old_dir<'a>(jobs: &Jobs, name: &'a [u8]) -> &'a [u8] {
    let old_dir = jobs.old_dir.as_deref();
    let rest = old_dir.and_then(|old_dir| name.strip_prefix(old_dir)?.strip_prefix(b"/"));
    rest.unwrap_or(name)
}

/// Whether a file in the directory of the jobs is for workers only: a request, a log of the directory or an earlier
/// generation of one.
fn is_internal(name: &[u8]) -> bool {
    let is_log = |log: &[u8]| match name.strip_prefix(log) {
        Some([] | [b'.', ..]) => true,
        Some([b'-', digit, ..]) => digit.is_ascii_digit(),
        _ => false,
    };
    name.ends_with(b".request") || is_log(b"queue") || is_log(b"done")
}
