//! What a server asked of the kernel, from the output of strace: names of descriptors become files and directories, and
//! calls become steps.

use std::collections::{BTreeMap, HashMap};

/// The number of a file, in the order of their creation.
pub type Inode = usize;

/// What a call puts on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// fdatasync(2): the bytes of a file.
    Data(Inode),
    /// fsync(2): its mode, too.
    File(Inode),
    /// The names in a directory, which has this number among [`DIRECTORIES`].
    Names(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The server has read (the beginning of) a request.
    Asked(usize),
    /// It begins to answer.
    Answered {
        request: usize,
        status: u16,
        /// It says that all is on disk.
        fsync: bool,
    },
    Write(Inode, Vec<u8>),
    /// Names that change at once.
    Names(Vec<(String, Option<Inode>)>),
    Mode(Inode, u32),
    /// A call with this number begins.
    SyncStart(usize, Sync),
    /// It ends, with success or with an error.
    SyncEnd(usize, bool),
}

/// Those that a server may write to, relative to its root.
pub const DIRECTORIES: [&str; 2] = ["in", "in/sub"];

/// The calls that a trace must have. A question mark: not every machine has it.
pub const CALLS: &str = "trace=?open,openat,openat2,close,read,recvfrom,write,writev,pwrite64,sendto,fdatasync,fsync,\
    ?rename,renameat,renameat2,linkat,?unlink,unlinkat,?chmod,fchmod,fchmodat,accept4,dup,fcntl,truncate,ftruncate";

/// A note begins with three numbers of 8 bytes, of which the last one is an inode number.
const NOTE_HEAD: usize = 24;

/// Gives each of these notes another inode number, by the one that it has. The last one may be cut.
pub fn for_each_note(notes: &mut [u8], number: impl Fn(u64) -> u64) {
    let mut rest = notes;
    while let Some((head, behind)) = rest.split_at_mut_checked(NOTE_HEAD) {
        let at = |index: usize| head[index..index + 8].try_into().expect("eight bytes");
        let (length, inode) = (u64::from_le_bytes(at(8)), u64::from_le_bytes(at(16)));
        head[NOTE_HEAD - 8..].copy_from_slice(&number(inode).to_le_bytes());
        let length = usize::try_from(length).expect("a length");
        rest = behind.split_at_mut(length.min(behind.len())).1;
    }
}

/// What a descriptor is.
#[derive(Debug, Clone)]
enum Node {
    Directory(String),
    File(Inode),
    /// A connection, and the request on it.
    Client(Option<usize>),
    Other,
}

pub struct Reader {
    root: String,
    descriptors: HashMap<i64, Node>,
    names: BTreeMap<String, Inode>,
    files: usize,
    /// Calls that have begun, by thread: what was printed of them, and the number of a sync.
    begun: HashMap<String, (String, usize)>,
    syncs: usize,
    steps: Vec<Step>,
}

/// A call that is complete.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    /// -1: it failed.
    result: i64,
}

impl Reader {
    /// `names`: the files that there are at the start.
    pub fn new(root: &str, names: BTreeMap<String, Inode>) -> Reader {
        Reader {
            root: root.into(),
            descriptors: HashMap::new(),
            files: names.len(),
            names,
            begun: HashMap::new(),
            syncs: 0,
            steps: Vec::new(),
        }
    }

    /// The steps. A note names the file that it is about by its number here, and not by that on the real disk.
    pub fn steps(mut self) -> Vec<Step> {
        let is_note = |step: &Step| match step {
            Step::Names(changes) => match &changes[..] {
                [(name, Some(inode))] if name.contains("/.openrange-append-") => Some(*inode),
                _ => None,
            },
            _ => None,
        };
        let notes: Vec<Inode> = self.steps.iter().filter_map(is_note).collect();
        for at in 0..self.steps.len() {
            let about = self.steps[at..].iter().find_map(|step| match step {
                Step::Write(inode, _) if !notes.contains(inode) => Some(*inode),
                _ => None,
            });
            if let (Step::Write(inode, bytes), Some(about)) = (&mut self.steps[at], about)
                && notes.contains(inode)
            {
                for_each_note(bytes, |_| about as u64);
            }
        }
        self.steps
    }

    /// One line of a trace.
    pub fn line(&mut self, line: &str) {
        let (thread, text) = line.split_once(' ').expect("a thread and a call");
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            let number = self.begin(begun);
            self.begun.insert(thread.into(), (begun.into(), number));
        } else if let Some(rest) = text.strip_prefix("<... ") {
            let (_, rest) = rest.split_once("resumed>").expect("a call that goes on");
            let (begun, number) = self.begun.remove(thread).expect("a call that has begun");
            self.end(&(begun + rest), number);
        } else if !text.starts_with(['+', '-']) {
            let number = self.begin(text);
            self.end(text, number);
        }
    }

    /// What counts from the beginning of a call: answers, what a sync has before it, descriptors that are given back.
    fn begin(&mut self, text: &str) -> usize {
        let Some((name, rest)) = text.split_once('(') else {
            return 0;
        };
        let arguments = rest
            .rsplit_once(" = ")
            .map_or(rest, |(arguments, _)| arguments);
        let arguments = split(arguments);
        if name == "close" {
            // Before it is over, another thread may have got the same number.
            self.descriptors.remove(&number(arguments[0]));
        }
        match (name, self.node(arguments[0])) {
            ("write" | "sendto", Node::Client(Some(request))) => {
                self.answer(request, &unescape(arguments[1]));
            }
            ("fdatasync", Node::File(inode)) => return self.sync(Sync::Data(inode)),
            ("fsync", Node::File(inode)) => return self.sync(Sync::File(inode)),
            ("fdatasync" | "fsync", Node::Directory(path)) => {
                let found = DIRECTORIES.iter().position(|known| *known == path);
                return self.sync(Sync::Names(found.expect("one that may be written")));
            }
            _ => {}
        }
        0
    }

    fn sync(&mut self, what: Sync) -> usize {
        self.syncs += 1;
        self.steps.push(Step::SyncStart(self.syncs, what));
        self.syncs
    }

    fn answer(&mut self, request: usize, bytes: &[u8]) {
        let head = String::from_utf8_lossy(bytes);
        let Some(rest) = head.strip_prefix("HTTP/1.1 ") else {
            return;
        };
        self.steps.push(Step::Answered {
            request,
            status: rest[..3].parse().expect("a status"),
            fsync: head.contains("Preference-Applied: fsync"),
        });
    }

    fn end(&mut self, text: &str, sync: usize) {
        let Some(call) = parse(text) else {
            return;
        };
        if sync > 0 {
            self.steps.push(Step::SyncEnd(sync, call.result == 0));
        } else if call.result >= 0 {
            self.succeeded(&call);
        }
    }

    fn succeeded(&mut self, call: &Call) {
        let arguments = &call.arguments;
        let at = |index: usize| unescape(arguments[index]);
        let text = |index: usize| String::from_utf8(at(index)).expect("UTF-8");
        match call.name {
            "open" => self.open("AT_FDCWD", &text(0), arguments[1], call.result),
            "openat" | "openat2" => self.open(arguments[0], &text(1), arguments[2], call.result),
            "accept4" => drop(self.descriptors.insert(call.result, Node::Client(None))),
            "fcntl" if arguments[1].starts_with("F_DUPFD") => self.duplicate(call),
            "dup" => self.duplicate(call),
            "close" => {}
            "recvfrom" | "read" => self.receive(arguments[0], &at(1)),
            "write" => {
                if let Node::File(inode) = self.node(arguments[0]) {
                    let count = usize::try_from(call.result).expect("a length");
                    let bytes = at(1)[..count].to_vec();
                    self.steps.push(Step::Write(inode, bytes));
                }
            }
            "fchmod" => {
                if let Node::File(inode) = self.node(arguments[0]) {
                    let mode = u32::from_str_radix(arguments[1], 8).expect("a mode");
                    self.steps.push(Step::Mode(inode, mode));
                }
            }
            "linkat" => {
                let from = self.resolve(arguments[0], &text(1));
                let inode = self.file(&from).expect("a file gets a name");
                self.rename(vec![(self.path(arguments[2], &text(3)), Some(inode))]);
            }
            "renameat" | "renameat2" => {
                let from = self.path(arguments[0], &text(1));
                let inode = self.names[&from];
                let to = self.path(arguments[2], &text(3));
                self.rename(vec![(from, None), (to, Some(inode))]);
            }
            "unlinkat" => self.rename(vec![(self.path(arguments[0], &text(1)), None)]),
            "writev" => {
                if let Node::File(inode) = self.node(arguments[0]) {
                    let count = usize::try_from(call.result).expect("a length");
                    let pieces = arguments[1].split("iov_base=").skip(1);
                    let piece = |piece: &str| unescape(piece.split(',').next().expect("a string"));
                    let bytes: Vec<u8> = pieces.flat_map(piece).collect();
                    self.steps.push(Step::Write(inode, bytes[..count].to_vec()));
                }
            }
            "pwrite64" | "sendto" | "fcntl" => {
                let node = self.node(arguments[0]);
                let harmless = call.name == "fcntl" || !matches!(node, Node::File(_));
                assert!(harmless, "not modelled: {}", call.name);
            }
            other => panic!("not modelled: {other}"),
        }
    }

    fn duplicate(&mut self, call: &Call) {
        let node = self.node(call.arguments[0]);
        self.descriptors.insert(call.result, node);
    }

    fn receive(&mut self, descriptor: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let Some((_, rest)) = text.split_once("\r\nX-Id: ") else {
            return;
        };
        let Some(Node::Client(request)) = self.descriptors.get_mut(&number(descriptor)) else {
            return;
        };
        let digits = rest.split('\r').next().expect("a value");
        let id = digits.parse().expect("a number");
        *request = Some(id);
        self.steps.push(Step::Asked(id));
    }

    fn open(&mut self, directory: &str, path: &str, flags: &str, descriptor: i64) {
        let known = self.resolve(directory, path);
        let node = match known {
            Node::Directory(_) if flags.contains("O_TMPFILE") => Node::File(self.create()),
            Node::Other if flags.contains("O_CREAT") && self.is_writable(directory) => {
                let inode = self.create();
                self.rename(vec![(self.path(directory, path), Some(inode))]);
                Node::File(inode)
            }
            known => known,
        };
        assert!(!flags.contains("O_TRUNC"), "not modelled: {flags}");
        self.descriptors.insert(descriptor, node);
    }

    fn is_writable(&self, directory: &str) -> bool {
        match self.node(directory) {
            Node::Directory(path) => DIRECTORIES.contains(&&*path),
            _ => false,
        }
    }

    fn create(&mut self) -> Inode {
        self.files += 1;
        self.files - 1
    }

    fn rename(&mut self, changes: Vec<(String, Option<Inode>)>) {
        for (name, inode) in &changes {
            match inode {
                Some(inode) => self.names.insert(name.clone(), *inode),
                None => self.names.remove(name),
            };
        }
        self.steps.push(Step::Names(changes));
    }

    /// The path of a name, relative to the root.
    fn path(&self, directory: &str, name: &str) -> String {
        match self.node(directory) {
            Node::Directory(path) => join(&path, name),
            other => panic!("{name} in {other:?}"),
        }
    }

    fn node(&self, descriptor: &str) -> Node {
        let known = self.descriptors.get(&number(descriptor));
        known.cloned().unwrap_or(Node::Other)
    }

    fn file(&self, node: &Node) -> Option<Inode> {
        match node {
            Node::File(inode) => Some(*inode),
            _ => None,
        }
    }

    fn resolve(&self, directory: &str, path: &str) -> Node {
        if let Some(descriptor) = path.strip_prefix("/proc/self/fd/") {
            return self.node(descriptor);
        }
        let path = match path.strip_prefix('/') {
            Some(_) => match path.strip_prefix(&self.root) {
                Some(path) => path.trim_matches('/').to_owned(),
                None => return Node::Other,
            },
            None => match self.node(directory) {
                Node::Directory(above) => join(&above, path),
                node if path == "." || path.is_empty() => return node,
                _ => return Node::Other,
            },
        };
        if path.is_empty() || DIRECTORIES.contains(&&*path) {
            return Node::Directory(path);
        }
        let found = self.names.get(&path);
        found.map_or(Node::Other, |inode| Node::File(*inode))
    }
}

fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        (directory, "." | "") => directory.into(),
        ("", name) => name.into(),
        (directory, name) => format!("{directory}/{name}"),
    }
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or(-1)
}

/// `None`: it has no result, because the process has ended.
fn parse(text: &str) -> Option<Call<'_>> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let result = result.split(' ').next()?;
    let result = match result.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None => result.parse().ok()?,
    };
    Some(Call {
        name,
        arguments: split(arguments),
        result,
    })
}

/// Arguments, of which some are structures. Strings have no commas: all their bytes are escaped.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim().trim_end_matches(')').trim());
    parts
}

/// The bytes of a string as strace -xx prints it.
fn unescape(text: &str) -> Vec<u8> {
    let digits = text.trim_matches('"').split("\\x").skip(1);
    let byte = |digits| u8::from_str_radix(digits, 16).expect("two digits");
    digits.map(byte).collect()
}
