//! Jobs over HTTP: a request becomes the files of a job, and is answered by the job's answer.

use std::time::Duration;

use log::{error, info};
use rustix::io::Errno;

use super::context::Context;
use super::slot::Slot;
use super::upload::{JobUpload, Jobs, Upload};
use super::write_decision::{self, Decision};
use super::writing;
use crate::action::Action;
use crate::connection::Connection;
use crate::connection::receiving::Sink;
use crate::http::authorization::{Challenge, Credentials, Right};
use crate::http::conditional::{self, Conditions, Verdict};
use crate::http::digest::Verifier;
use crate::http::target::{Path, Target};
use crate::http::write::{Verb, WriteHead};
use crate::intent::{Intent, ParsedRequest};
use crate::job::{self, JobId, JobStatus};
use crate::jobs::record::JobRecord;
use crate::jobs::tracker::Accepted;
use crate::receipt::{Receipt, WriteFailure};
use crate::resource::Resource;
use crate::store::place::{Place, Stop, failure};
use crate::store::replace::{Temporary, Terms};
use crate::store::root::Files;
use crate::time::Moment;

/// Begins a writing request whose head has come, if it is about jobs. False: it is about something else.
pub(super) fn begin(slot: &mut Slot, context: &mut Context) -> bool {
    let Action::Open(Ok(asked)) = slot.machine.action() else {
        return false;
    };
    let jobs = context.jobs.as_ref();
    let Some(wanted) = jobs.and_then(|jobs| wanted(jobs, asked.write_head())) else {
        return false;
    };
    let decision = decide(wanted, asked, slot, context);
    writing::begin_as(decision, slot, context);
    true
}

/// What a request wants of jobs; `None`: it is about something else.
fn wanted(jobs: &Jobs, write: &WriteHead) -> Option<Wanted> {
    let Ok(Target::Path(path)) = &write.target else {
        return None;
    };
    match write.verb {
        Verb::Post if *path.name == *jobs.prefix.name() => Some(Wanted::New),
        Verb::Delete => job::answered_at(&jobs.prefix, path).map(Wanted::Cancel),
        _ => None,
    }
}

/// See [`wanted`].
enum Wanted {
    New,
    Cancel(JobId),
}

/// Whether a request about jobs may be carried out, and where its body goes.
fn decide(wanted: Wanted, asked: &ParsedRequest, slot: &Slot, context: &mut Context) -> Decision {
    let write = asked.write_head();
    write_decision::permit(asked, write, Right::Append, slot, context)?;
    let fault = write.change.as_ref().err();
    if let Some(fault) = fault {
        return Err(WriteFailure::Fault(*fault));
    }
    let owner = match &write.idempotency_key {
        Some(_) => owner(asked, write, context)?,
        None => Box::default(),
    };
    let (jobs, files) = jobs(context);
    let id = match wanted {
        Wanted::Cancel(id) if jobs.tracker.directory().record(id).is_none() => {
            return Err(WriteFailure::Missing);
        }
        Wanted::Cancel(id) => {
            let upload = remembered(JobUpload::Cancel(id), None, write);
            return Ok((Sink::Memory(0), Some(upload)));
        }
        Wanted::New if slot.machine.is_draining() => return Err(WriteFailure::Ending),
        Wanted::New => {
            check_new(asked)?;
            name(write, &owner)
        }
    };
    let preferences = &write.preferences;
    let record = JobRecord {
        id,
        deadline: jobs.tracker.deadline(preferences.timeout),
        content_type: String::from_utf8_lossy(&write.content_type).into_owned(),
        length: 0,
        callback: preferences.callback.as_deref().map(str::to_owned),
    };
    let place = request_place(jobs, files, id)?;
    let temporary = Temporary::create(&place, write.framing.length())?;
    let upload = remembered(JobUpload::New(record), Some(temporary), write);
    Ok((Sink::Store, Some(upload)))
}

/// A request for a job is for something that is there, but is no file: it has no tag and no length.
fn check_new(asked: &ParsedRequest) -> Result<(), WriteFailure> {
    if conditional::judge_untagged(&asked.request.conditions) != Verdict::Proceed {
        return Err(WriteFailure::Unmatched);
    }
    match asked.write_head().expected {
        None | Some(0) => Ok(()),
        Some(_) => Err(WriteFailure::Conflict {
            size: 0,
            etag: None,
        }),
    }
}

fn remembered(job: JobUpload, temporary: Option<Temporary>, write: &WriteHead) -> Box<Upload> {
    Box::new(Upload {
        job: Some(job),
        temporary,
        verifier: write.digests.as_ref().map(Verifier::new),
        ..Upload::default()
    })
}

/// Whose `Idempotency-Key` that is: the token by which the client may post, whether it shows that or a cookie.
fn owner(
    asked: &ParsedRequest,
    write: &WriteHead,
    context: &mut Context,
) -> Result<Box<[u8]>, WriteFailure> {
    let credentials = &asked.request.credentials;
    let Some(tokens) = &mut context.tokens else {
        return Ok(match credentials {
            Credentials::Token(token) => token.clone(),
            _ => Box::default(),
        });
    };
    let token = tokens
        .get()
        .token(credentials, write.path(), Right::Append, context.date);
    // It has just been taken out of the table.
    let invalid = WriteFailure::Unauthorized(Challenge::Invalid);
    token.map(Into::into).ok_or(invalid)
}

/// Requests with the same key, of the same client, are the same job. Others get names that nobody can guess.
fn name(write: &WriteHead, owner: &[u8]) -> JobId {
    let bits = |digest: [u8; 32]| {
        let half: [u8; 16] = digest[..16].try_into().expect("half of a digest");
        JobId::from_bits(u128::from_be_bytes(half))
    };
    match &write.idempotency_key {
        Some(key) => {
            let mut hash = hmac_sha256::Hash::new();
            hash.update(owner);
            hash.update([0]);
            hash.update(key);
            bits(hash.finalize())
        }
        None => {
            let mut random = [0; 16];
            crate::os::random(&mut random);
            JobId::from_bits(u128::from_be_bytes(random))
        }
    }
}

fn jobs(context: &Context) -> (&Jobs, &Files) {
    let jobs = context.jobs.as_ref().expect("there are jobs");
    (jobs, context.topics.lookups.files())
}

fn path_of(jobs: &Jobs, name: &str) -> Path {
    Path {
        name: [jobs.prefix.name(), b"/", name.as_bytes()].concat().into(),
        slash: false,
    }
}

fn request_place(jobs: &Jobs, files: &Files, id: JobId) -> Result<Place, WriteFailure> {
    let name = format!("{id}.request");
    let path = path_of(jobs, &name);
    Place::find(files, jobs.prefix.name(), name.as_bytes(), &path)
}

/// Carries out a request about jobs, now that its body is there, or goes on with it. False: it is about something else.
pub(super) fn carry_out(slot: &mut Slot, context: &mut Context) -> bool {
    let Some(mut upload) = slot.upload.take() else {
        return false;
    };
    let job = upload.job.take();
    match &job {
        None => {
            slot.upload = Some(upload);
            return false;
        }
        Some(JobUpload::Cancel(id)) => {
            let result = match cancel(context, *id, slot) {
                Ok(receipt) => Ok(receipt),
                Err(Stop::Failed(failure)) => Err(failure),
                Err(Stop::Locked) => {
                    upload.job = job;
                    slot.upload = Some(upload);
                    writing::postpone(slot, context);
                    return true;
                }
            };
            writing::answer(slot, context, result);
        }
        Some(JobUpload::New(record)) => {
            let result = go_on(context, &mut upload, record, slot.machine.is_draining());
            let id = record.id;
            upload.job = job;
            slot.upload = Some(upload);
            match result {
                Ok(true) => lead(slot, context, id),
                Ok(false) => {}
                Err(Stop::Locked) => writing::postpone(slot, context),
                Err(Stop::Failed(failure)) => writing::answer(slot, context, Err(failure)),
            }
        }
    }
    true
}

/// Makes a job, or compares some of what was asked for with the request of the one that has its name. True: the job is
/// there.
fn go_on(
    context: &Context,
    upload: &mut Upload,
    record: &JobRecord,
    is_draining: bool,
) -> Result<bool, Stop> {
    let (jobs, _) = jobs(context);
    if let Some(comparison) = &mut upload.comparison {
        return match comparison.step() {
            Ok(None) => Ok(false),
            Ok(Some(false)) => Err(WriteFailure::OtherBody.into()),
            Ok(Some(true)) if jobs.tracker.lead(record.id) => Ok(true),
            // Its files are being removed.
            Ok(Some(true)) => {
                upload.comparison = None;
                Err(Stop::Locked)
            }
            Err(error) => {
                let error = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                Err(failure(error).into())
            }
        };
    }
    if !upload.is_intact() {
        return Err(WriteFailure::WrongDigest.into());
    }
    // The signal came while the body did.
    if is_draining {
        return Err(WriteFailure::Ending.into());
    }
    let temporary = upload.temporary.as_mut().expect("a body that is stored");
    match accept(context, temporary, record)? {
        Accepted::New => Ok(true),
        Accepted::Before => {
            let content = temporary.reader().map_err(failure)?;
            let comparison = jobs.tracker.directory().compare(record.id, content);
            upload.comparison = Some(comparison.map_err(failure)?.ok_or(Stop::Locked)?);
            Ok(false)
        }
    }
}

/// A request is answered by the answer of its job.
fn lead(slot: &mut Slot, context: &mut Context, id: JobId) {
    slot.upload = None;
    // What was looked up in this turn is older than this.
    context.topics.end_turn();
    let (jobs, _) = jobs(context);
    let path = path_of(jobs, id.as_str());
    slot.machine.answered_by(path);
}

/// Makes the files of a job, unless there is such a job.
fn accept(
    context: &Context,
    temporary: &mut Temporary,
    record: &JobRecord,
) -> Result<Accepted, Stop> {
    let (jobs, files) = jobs(context);
    let record = JobRecord {
        length: temporary.size(),
        ..record.clone()
    };
    jobs.tracker.accept(&record, || {
        let place = request_place(jobs, files, record.id)?;
        let (conditions, expected) = (&Conditions::default(), None);
        let terms = Terms {
            conditions,
            expected,
        };
        let published = temporary.publish(&place, &terms);
        published.map(drop).map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Locked => WriteFailure::Locked,
        })
    })
}

fn cancel(context: &Context, id: JobId, slot: &Slot) -> Result<Receipt, Stop> {
    let (jobs, files) = jobs(context);
    let path = path_of(jobs, id.as_str());
    let answer = || {
        let place = Place::find(files, jobs.prefix.name(), id.as_str().as_bytes(), &path)?;
        place.file()
    };
    if let Action::Write(asked, _) = slot.machine.action() {
        let terms = write_decision::terms(asked, asked.write_head());
        if *terms.conditions != Conditions::default() || terms.expected.is_some() {
            // Without the lock of the file: the worker has that.
            terms.check(answer()?.as_deref())?;
        }
    }
    match jobs.tracker.end(id, JobStatus::Cancelled) {
        Ok(true) => info!("job {id}: it was cancelled"),
        Ok(false) => {}
        Err(Errno::AGAIN) => return Err(Stop::Locked),
        Err(error) => {
            error!("job {id}: cannot cancel it: {error}");
            return Err(failure(error).into());
        }
    }
    let file = answer()?.ok_or(WriteFailure::Missing)?;
    let stat = file.stat().map_err(failure)?;
    Ok(Receipt {
        created: false,
        etag: file.tag(),
        size: stat.size,
        sealed: stat.sealed,
    })
}

/// Until when a request waits for what it asks for; `None`: it is answered with what there is.
pub(super) fn patience<F>(
    asked: &ParsedRequest,
    found: &Resource<F>,
    machine: &Connection<F>,
    now: Moment,
) -> Option<Moment> {
    if machine.is_draining() {
        return None;
    }
    let wait = match (&asked.intent, found) {
        (Intent::Answer(answer), Resource::File { info, .. }) => {
            (answer.respond_async && !info.sealed).then_some(answer.wait)
        }
        _ => None,
    };
    let until = machine
        .patience()
        .unwrap_or(now + Duration::from_secs(wait?));
    (until > now).then_some(until)
}

/// Tells a connection that tails a sealed file how the job ended whose answer that is. False: its worker says so in a moment.
pub(super) fn tell_status(slot: &mut Slot, context: &Context) -> bool {
    let (Some(jobs), Some(topic)) = (&context.jobs, slot.topic) else {
        return true;
    };
    let path = context.topics.name(topic as usize);
    let Some(id) = job::answered_at(&jobs.prefix, &path) else {
        return true;
    };
    // First this: one that is open no longer has a status.
    let is_open = jobs.tracker.is_open(id);
    let status = jobs.tracker.status(id);
    if let Some(status) = status {
        slot.machine.job_ended(status);
    }
    status.is_some() || !is_open
}
