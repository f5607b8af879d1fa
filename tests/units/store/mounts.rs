//! `store::mounts`: the list that proc_pid_mountinfo(5) describes.

use openrange::store::mounts::{Mount, parse};

const LIST: &str = "\
23 29 0:21 / /proc rw,nosuid,nodev shared:12 - proc proc rw
29 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
230 29 0:50 / /mnt/a\\040b rw,nosuid - fuse.glusterfs one:/volume rw,user_id=0
231 29 0:51 / /mnt/c rw shared:3 master:4 - fuse.bindfs /real rw,user_id=0
";

#[test]
fn a_mount_is_found_by_its_number() {
    let mount = |file_system: &str, source: &str| {
        Some(Mount {
            file_system: file_system.to_owned(),
            source: source.to_owned(),
        })
    };
    for (id, expected) in [
        (29, mount("ext4", "/dev/root")),
        (230, mount("fuse.glusterfs", "one:/volume")),
        (231, mount("fuse.bindfs", "/real")),
        (2, None),
        (1, None),
    ] {
        assert_eq!(parse(LIST, id), expected, "{id}");
    }
    for broken in ["", "29", "29 1 259:1 / / rw", "29 1 259:1 / / rw - ext4"] {
        assert_eq!(parse(broken, 29), None, "{broken:?}");
    }
}
