//! What the machine gives: cores, descriptors, CPU clocks of other processes, epoll. The only `unsafe` of the benchmarks.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::net::{self, AddressFamily, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

pub use epoll::EventFlags as Flags;

/// How long nothing may happen before a run counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Connections from one source address; the kernel has some 28,000 ports for each.
const PER_ADDRESS: usize = 20_000;
const EVENTS: usize = 1024;

/// The two cores of a run: one for the server alone, one for everything else.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    pub server: usize,
    pub load: usize,
}

impl Cores {
    /// The first two that this process may use.
    pub fn first_two() -> Option<Cores> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        Some(Cores {
            server: cores.next()?,
            load: cores.next()?,
        })
    }
}

/// Keeps the calling thread, and what it starts from now on, on these cores.
pub fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    sched_setaffinity(None, &set).expect("cores of this machine");
}

/// Lets the calling thread run before all ordinary ones of its core, so that what it measures is not its own waiting
/// for them. `false` if that is not permitted.
pub fn go_first() -> bool {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 is the calling thread; the kernel reads one sched_param.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) == 0 }
}

/// Raises the limit of open descriptors as far as the kernel lets, for the servers too; what it is then.
pub fn raise_descriptors(wanted: u64) -> u64 {
    let both = |n| Rlimit {
        current: Some(n),
        maximum: Some(n),
    };
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(u64::MAX);
    // More than the hard limit takes CAP_SYS_RESOURCE.
    if hard >= wanted || setrlimit(Resource::Nofile, both(wanted)).is_err() {
        let soft = Rlimit {
            current: now.maximum,
            maximum: now.maximum,
        };
        setrlimit(Resource::Nofile, soft).expect("the hard limit");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// CPU time that a process has used so far, with all its threads, also those that ended. Exact, also while it runs.
pub fn cpu_time(pid: u32) -> Duration {
    let mut clock = 0;
    // SAFETY: the call writes one clockid_t.
    let result = unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &raw mut clock) };
    if result == 0 {
        read_clock(clock)
    } else {
        Duration::ZERO
    }
}

/// The same of the benchmark itself.
pub fn own_cpu_time() -> Duration {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one timespec.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if result != 0 {
        return Duration::ZERO;
    }
    #[allow(clippy::unnecessary_cast, reason = "i32 on some machines")]
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Waits until a process has stopped using CPU time: it has done all that was asked of it.
pub fn settle(pid: u32) {
    let start = Instant::now();
    let mut before = cpu_time(pid);
    let mut quiet = 0;
    while quiet < 3 && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(30));
        let now = cpu_time(pid);
        // Some servers have timers that never rest.
        quiet = if now - before < Duration::from_millis(1) {
            quiet + 1
        } else {
            0
        };
        before = now;
    }
}

/// The value of `key` in a file of `KEY: VALUE` lines, in its own unit.
pub fn field(path: &str, key: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .and_then(|value| value.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// Connects without blocking afterwards. Connection number `index` decides the source address, since one address does
/// not have ports enough for all. A close resets, so that no port stays occupied.
pub fn connect(to: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let fd = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_tcp_nodelay(&fd, true)?;
    sockopt::set_socket_linger(&fd, Some(Duration::ZERO))?;
    if index >= PER_ADDRESS {
        bind_without_port(&fd)?;
        let last = u8::try_from(1 + index / PER_ADDRESS).map_err(io::Error::other)?;
        net::bind(&fd, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))?;
    }
    net::connect(&fd, &to)?;
    let stream = TcpStream::from(fd);
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Leaves the choice of the port to connect(2), which knows the other end.
fn bind_without_port(fd: &OwnedFd) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// See TCP_NOTSENT_LOWAT in tcp(7).
pub fn set_not_sent_low(fd: impl AsFd, bytes: i32) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes)
}

fn set_option(fd: impl AsFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the option is an int, and the kernel reads one of 4 bytes.
    let result = unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            4,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// An epoll instance and the room for its events.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Epoll {
    pub fn new() -> Epoll {
        Epoll {
            fd: epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll"),
            events: Vec::with_capacity(EVENTS),
        }
    }

    pub fn add(&self, source: impl AsFd, token: usize, flags: Flags) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token as u64);
        Ok(epoll::add(&self.fd, source, data, flags)?)
    }

    pub fn modify(&self, source: impl AsFd, token: usize, flags: Flags) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token as u64);
        Ok(epoll::modify(&self.fd, source, data, flags)?)
    }

    /// How many are ready, after at most so long; `None` waits for ever.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(|time| Timespec::try_from(time).expect("a short time"));
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.fd, room, timeout.as_ref()) {
            Ok(count) => Ok(count),
            Err(rustix::io::Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// One of those: its token, and what it is ready for.
    pub fn event(&self, index: usize) -> (usize, Flags) {
        let (data, flags) = (self.events[index].data, self.events[index].flags);
        #[allow(clippy::cast_possible_truncation, reason = "it was a usize")]
        (data.u64() as usize, flags)
    }
}
