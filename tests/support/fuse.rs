//! A file system that fails when a test says so: FUSE, spoken by hand over /dev/fuse (fuse(4), `linux/fuse.h`). It has
//! one directory of read-only files. Nothing of it is cached by the kernel but the bytes of files.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// One regular file.
#[derive(Default)]
pub struct File {
    pub bytes: Vec<u8>,
    /// Reads that reach this offset fail with this error.
    pub reads_fail: Option<(u64, c_int)>,
    /// Looks at it (`stat`) fail with this error.
    pub looks_fail: Option<c_int>,
    /// The size that it is said to have, if not that of its bytes.
    pub announced: Option<u64>,
    /// Names that it is said to have.
    pub links: u32,
}

/// What the file system holds.
#[derive(Default)]
pub struct State {
    pub names: BTreeMap<&'static str, u64>,
    /// By inode number.
    pub files: BTreeMap<u64, File>,
    /// Looking names up fails with this error.
    pub lookups_fail: Option<c_int>,
    /// When this name has been looked up so many more times, a new file with these bytes takes it.
    pub replaced: Option<(u32, &'static str, Vec<u8>)>,
    dies: bool,
}

impl State {
    /// A new file under this name; gives its inode number.
    pub fn create(&mut self, name: &'static str, bytes: &[u8]) -> u64 {
        let inode = ROOT + 1 + self.files.len() as u64;
        let file = File {
            bytes: bytes.into(),
            links: 1,
            ..File::default()
        };
        self.files.insert(inode, file);
        self.names.insert(name, inode);
        inode
    }

    /// See [`State::replaced`].
    fn replace_in_time(&mut self, name: &str) {
        let Some((left, of, bytes)) = self.replaced.take_if(|(_, of, _)| *of == name) else {
            return;
        };
        match left.checked_sub(1) {
            Some(left) => self.replaced = Some((left, of, bytes)),
            None => {
                self.file(of).links = 0;
                self.create(of, &bytes);
            }
        }
    }

    /// The file that has this name.
    pub fn file(&mut self, name: &str) -> &mut File {
        self.file_of(self.names[name])
    }

    /// The file with this inode number, whatever its name is.
    pub fn file_of(&mut self, inode: u64) -> &mut File {
        self.files.get_mut(&inode).expect("a file")
    }
}

/// A mounted file system; unmounted when it is dropped.
pub struct Fuse {
    /// Its directory, whatever path that has by now (O_PATH).
    place: fs::File,
    state: Arc<Mutex<State>>,
    server: Option<JoinHandle<()>>,
}

const ROOT: u64 = 1;

impl Fuse {
    /// Mounts on a directory. `Err`: not possible here.
    pub fn mount(place: &Path) -> io::Result<Fuse> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let options = CString::new(options)?;
        let target = CString::new(place.as_os_str().as_bytes())?;
        // SAFETY: all pointers are C strings that outlive the call.
        let result = unsafe {
            libc::mount(
                c"test".as_ptr(),
                target.as_ptr(),
                c"fuse".as_ptr(),
                libc::MS_NODEV | libc::MS_NOSUID,
                options.as_ptr().cast(),
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = thread::spawn(move || serve(device, &shared));
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_PATH);
        Ok(Fuse {
            place: options.open(place)?,
            state,
            server: Some(server),
        })
    }

    /// What it holds, to be changed. Nothing of the file system may be used meanwhile.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a state")
    }

    fn place(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.place.as_raw_fd()).into()
    }

    /// The file system's server dies: everything fails from here on.
    pub fn die(&mut self) {
        if let Some(server) = self.server.take() {
            self.state().dies = true;
            // It waits for a request, and does not answer that one.
            let _ = fs::metadata(self.place().join("a last request"));
            server.join().expect("a server");
        }
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.die();
        if let Ok(place) = CString::new(self.place().as_os_str().as_bytes()) {
            // SAFETY: a C string that outlives the call.
            unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH) };
        }
    }
}

/// Answers requests, one after the other.
fn serve(mut device: fs::File, state: &Mutex<State>) {
    // At least as long as the longest request: max_write and a header.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match device.read(&mut buffer) {
            Ok(count) => count,
            // A request that was taken back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // ENODEV: unmounted.
            Err(_) => return,
        };
        let request = Request(&buffer[..count]);
        let mut state = state.lock().expect("a state");
        if state.dies {
            return;
        }
        let Some(answer) = request.answer(&mut state) else {
            continue;
        };
        let (error, body) = match answer {
            Ok(body) => (0, body),
            Err(error) => (-error, Fields::default()),
        };
        let length = u32::try_from(16 + body.0.len()).expect("a short answer");
        let header = Fields::default()
            .u32(length)
            .u32(error.cast_unsigned())
            .u64(request.u64(8));
        // ENOENT: whoever asked waits no more.
        let _ = device.write(&[header.0, body.0].concat());
    }
}

/// Of `enum fuse_opcode`.
mod opcode {
    pub const LOOKUP: u32 = 1;
    pub const FORGET: u32 = 2;
    pub const GETATTR: u32 = 3;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const STATFS: u32 = 17;
    pub const RELEASE: u32 = 18;
    pub const INIT: u32 = 26;
    pub const INTERRUPT: u32 = 36;
    pub const BATCH_FORGET: u32 = 42;
}

/// `struct fuse_in_header` (40 bytes) and what follows it.
struct Request<'a>(&'a [u8]);

impl Request<'_> {
    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.0[at..at + 4].try_into().expect("4 bytes"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.0[at..at + 8].try_into().expect("8 bytes"))
    }

    /// `None`: wants no answer.
    fn answer(&self, state: &mut State) -> Option<Result<Fields, c_int>> {
        let node = self.u64(16);
        Some(match self.u32(4) {
            // struct fuse_init_out, of version 7.31.
            opcode::INIT => {
                let size = 4096;
                Ok(Fields::default().u32(7).u32(31).u32(size).u32(0).u32(0))
                    .map(|fields| fields.u32(size).u32(1).zeros(36))
            }
            opcode::LOOKUP => self.look_up(state),
            opcode::GETATTR => {
                attributes(state, node).map(|of| Fields::default().zeros(16).and(of))
            }
            // struct fuse_open_out.
            opcode::OPEN => Ok(Fields::default().zeros(16)),
            opcode::READ => self.read(state),
            // struct fuse_statfs_out.
            opcode::STATFS => Ok(Fields::default().zeros(80)),
            opcode::RELEASE => Ok(Fields::default()),
            opcode::FORGET | opcode::BATCH_FORGET | opcode::INTERRUPT => return None,
            _ => Err(libc::ENOSYS),
        })
    }

    /// struct fuse_entry_out
    fn look_up(&self, state: &mut State) -> Result<Fields, c_int> {
        if let Some(error) = state.lookups_fail {
            return Err(error);
        }
        let name = self.0[40..].split(|byte| *byte == 0).next();
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        state.replace_in_time(name.unwrap_or_default());
        let inode = *name
            .and_then(|name| state.names.get(name))
            .ok_or(libc::ENOENT)?;
        let of = attributes(state, inode)?;
        Ok(Fields::default().u64(inode).zeros(32).and(of))
    }

    fn read(&self, state: &State) -> Result<Fields, c_int> {
        let file = state.files.get(&self.u64(16)).ok_or(libc::ENOENT)?;
        let length = file.bytes.len() as u64;
        let (from, most) = (self.u64(48).min(length), u64::from(self.u32(56)));
        let end = (from + most).min(length);
        match file.reads_fail {
            Some((at, error)) if end > at => Err(error),
            _ => Ok(Fields(file.bytes[from as usize..end as usize].into())),
        }
    }
}

/// struct fuse_attr
fn attributes(state: &State, inode: u64) -> Result<Fields, c_int> {
    let (size, mode, links) = match state.files.get(&inode) {
        None if inode == ROOT => (0, libc::S_IFDIR | 0o755, 2),
        None => return Err(libc::ENOENT),
        Some(file) => match file.looks_fail {
            Some(error) => return Err(error),
            None => {
                let size = file.announced.unwrap_or(file.bytes.len() as u64);
                (size, libc::S_IFREG | 0o644, file.links)
            }
        },
    };
    Ok(Fields::default()
        .u64(inode)
        .u64(size)
        .zeros(8 + 3 * 8 + 3 * 4)
        .u32(mode)
        .u32(links)
        .zeros(3 * 4)
        .u32(4096)
        .zeros(4))
}

/// The fields of a struct, in the order of this machine's bytes.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn u32(self, value: u32) -> Fields {
        self.and(Fields(value.to_ne_bytes().into()))
    }

    fn u64(self, value: u64) -> Fields {
        self.and(Fields(value.to_ne_bytes().into()))
    }

    fn zeros(self, count: usize) -> Fields {
        self.and(Fields(vec![0; count]))
    }

    fn and(mut self, mut more: Fields) -> Fields {
        self.0.append(&mut more.0);
        self
    }
}
