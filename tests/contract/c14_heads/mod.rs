//! Contract 14: many heads, and the names under which one may be addressed.

mod caching;
mod gluster;
mod head;
mod hosts;
mod identity;
mod peers;
mod remote;
